"""What one steering study is asked to do."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from vulnscope.ask.settings import Selection
from vulnscope.effects.config import EffectConfig, SourceConfig
from vulnscope.models.edit.traits import TRAITS


class SteerConfig(Selection):
    """Resolved settings of fitting and sweeping; stored in the run and in the result."""

    methods: tuple[str, ...] = Field(
        default=("mean-difference-paired", "mean-difference-unpaired", "pca-differences", "logistic-direction"),
        min_length=1,
        description="registered methods",
    )
    layers: str = Field(default="all", description="final-3 | thirds | middle | all | best | 4,12,20")
    layout: Literal["each", "together", "shared"] = Field(
        default="each",
        description="each layer alone; all at once with a vector each; or one vector, of the middle one, for all",
    )
    selectors: tuple[str, ...] = Field(default=("last",), min_length=1, description="tokens to edit")
    operation: Literal["add", "project-out", "clamp", "scale-component"] = Field(default="add")
    scales: tuple[float, ...] = Field(
        default=(-1.0, -0.5, -0.25, 0.25, 0.5, 1.0), min_length=1, description="tried beside 0"
    )
    unit: Literal["norm", "raw"] = Field(default="norm", description="norm: scales count median activation norms")
    keep_norm: bool = Field(default=False, description="rescale to the norm before (add only)")
    choose_by: Literal["pair-correct", "auroc"] = Field(
        default="pair-correct", description="what the choose split maximises; ties go by the other one"
    )
    combine: bool = Field(default=True, description="also apply the chosen points of all methods at once")
    gate: bool = Field(default=True, description="also gate the best method by a read-out with a chosen threshold")
    preface: str | None = Field(
        default="Think about what an attacker controls before you answer.",
        description="line put before each question: the prompt-only control, and prompt + steering; None: neither",
    )
    n_controls: int = Field(default=20, ge=20, description="directions of each control")
    fractions: tuple[float, float, float] = Field(default=(0.4, 0.3, 0.3), description="fit, choose, report")
    side_effects: bool = Field(default=True, description="measure what the chosen interventions cost elsewhere")
    ordinary: str | None = Field(default=None, description="folder of ordinary code; None: Python's standard library")
    vector_file: str | None = Field(default=None, description="vectors to try beside the methods")
    is_forced: bool = Field(default=False, description="take vectors of another model")
    gradient_steps: int = Field(default=24, ge=1, description="of the method gradient")
    gradient_kl_nats: float = Field(default=0.5, gt=0, description="KL allowed to the method gradient")
    gradient_norm: float = Field(default=0.5, gt=0, description="length of the gradient's vector, in norm units")

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if 0.0 in self.scales:
            raise ValueError("scale 0 is the control and always tried; leave it out")
        if min(self.fractions) <= 0 or abs(sum(self.fractions) - 1) > 1e-9:
            raise ValueError(f"fractions must be positive and sum to 1; came: {self.fractions}")
        if self.keep_norm and not TRAITS[self.operation].may_keep_norm:
            raise ValueError("keep_norm belongs to the operation add")
        return self


class ApplyConfig(EffectConfig, SourceConfig):
    """Resolved settings of applying a stored intervention or vectors of a file; stored in the run and in the result."""
