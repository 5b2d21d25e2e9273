"""What one study is asked to do; its stages share one choice of samples and prompts."""

from __future__ import annotations

from typing import TypeVar

from pydantic import Field

from vulnscope.ask.settings import Selection
from vulnscope.audit.config import AuditConfig
from vulnscope.patch.config import PatchConfig
from vulnscope.probe.config import ProbeConfig
from vulnscope.records.base import Record
from vulnscope.steer.config import SteerConfig

Config = TypeVar("Config", bound=Selection)


class Limits(Record):
    """Where the diagnosis draws its lines; tuned on variants of one training seed, checked on three others."""

    negligible: float = Field(default=0.05, gt=0, description="AUROC below which a difference counts as none")
    bias_gain: float = Field(default=0.05, gt=0, description="balanced accuracy that a threshold must win for a bias")
    lost_share: float = Field(default=0.5, gt=0, le=1, description="share of (says - 1/2) lost under a harmless change")


class StudyConfig(Selection):
    """Resolved settings of a study; stored in the run and in the result. Stages take the choice of samples from it."""

    audit: AuditConfig = AuditConfig()
    probe: ProbeConfig = ProbeConfig()
    patch: PatchConfig = PatchConfig()
    steer: SteerConfig = SteerConfig()
    changes: tuple[str, ...] = Field(
        default=("strip-comments", "rename"),
        description="transformations that keep labels, to see what the answers rest on; () leaves this out",
    )
    changes_limit: int = Field(default=200, ge=2, description="at most so many samples are changed")
    limits: Limits = Limits()
    budget_minutes: float | None = Field(
        default=None, gt=0, description="samples are cut until the estimated time fits; None: no budget"
    )

    def of_stage(self, config: Config) -> Config:
        """The settings of one stage, with this study's samples, prompts and seed."""
        return config.model_copy(update={name: getattr(self, name) for name in Selection.model_fields})
