"""What a comparison of finished runs, and an ensemble of them, are asked; stored in their runs."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field

from vulnscope.audit.config import AuditConfig
from vulnscope.records.base import Record

How = Literal["mean", "vote", "stacked"]
HOWS: tuple[How, ...] = get_args(How)


class CompareConfig(Record):
    """Resolved settings of a comparison."""

    before: str = Field(description="run id")
    after: str = Field(description="run id")
    corpus: dict[str, object] = Field(
        default={}, description="the corpus both runs answered, as they were asked for it"
    )
    seed: int = Field(default=0, ge=0, description="of bootstrap and permutations")
    n_bootstrap: int = Field(default=2000, ge=200, description="bootstrap draws per interval")
    max_code_shown: int = Field(default=100, ge=0, description="items listed with their code, flipped ones first")


class CombineConfig(Record):
    """Resolved settings of an ensemble."""

    runs: tuple[str, ...] = Field(min_length=2, description="run ids")
    how: How = Field(default="mean", description="mean margin, majority vote, or stacked on other groups")
    corpus: dict[str, object] = Field(default={}, description="the corpus all runs answered, as they were asked for it")
    audit: AuditConfig = Field(default=AuditConfig(protocol="combined"), description="how the answers are judged")

    @property
    def seed(self) -> int:
        """Of folds, bootstrap and permutations."""
        return self.audit.seed
