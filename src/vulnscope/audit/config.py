"""What one audit is asked to do."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vulnscope.records.base import Record


class AuditConfig(Record):
    """Resolved settings of an audit; stored in the run and in the result."""

    protocol: str = Field(default="yes-no", description="a registered protocol")
    prompts_file: str | None = Field(default=None, description="YAML of prompts in place of the protocol's own")
    chat: bool | None = Field(default=None, description="use the chat template; None: where the tokenizer has one")
    limit: int | None = Field(default=None, ge=1, description="at most so many samples, whole pairs, drawn by seed")
    cwes: tuple[str, ...] = Field(default=(), description="keep samples with any of these, e.g. CWE-89; () keeps all")
    languages: tuple[str, ...] = Field(default=(), description="keep these languages; () keeps all")
    seed: int = Field(default=0, ge=0, description="of the draw, the bootstrap, the permutations and the baseline folds")
    n_bootstrap: int = Field(default=2000, ge=200, description="bootstrap draws per interval")
    n_permutations: int = Field(default=4000, ge=200, description="draws of a permutation test that is not exact")
    max_pairs_shown: int = Field(default=200, ge=0, description="pairs kept for the browser, most telling first")
    max_batch_tokens: int | None = Field(default=None, ge=1, description="tokens per batch; None: from free memory")
    baseline_corpus: str | None = Field(
        default=None, description="corpus the n-gram baseline is trained on; None: train split, else cross-validated"
    )
    claims: Literal["these-templates", "new-templates"] = Field(
        default="these-templates",
        description="generated corpora only: group by pair (claims about these templates) or by template",
    )
