"""What is applied, and what is measured of it: settings of whatever measures an intervention on a whole corpus."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vulnscope.ask.settings import Selection


class SourceConfig(Selection):
    """Where an intervention comes from: a folder, or vectors of a file and how they are applied."""

    source: str = Field(default="", description="folder with intervention.json, or a vector file")
    vectors: tuple[str, ...] = Field(default=(), description="names or patterns in a vector file; () where it has one")
    operation: Literal["add", "project-out", "clamp", "scale-component"] | None = Field(default=None)
    scale: float | None = Field(default=None, description="vector file: how far; > 0 towards vulnerable")
    unit: Literal["norm", "raw"] | None = Field(default=None, description="norm: median activation norms")
    selector: str | None = Field(default=None, description="tokens to edit; None: those the vector was read from")
    keep_norm: bool = Field(default=False, description="rescale to the norm before (add only)")


class EffectConfig(Selection):
    """How far an intervention is looked into."""

    is_forced: bool = Field(default=False, description="take vectors of another model")
    n_controls: int = Field(default=20, ge=0, description="directions of each control; 0: none, and no claim")
    side_effects: bool = Field(default=True, description="measure what it costs elsewhere")
    ordinary: str | None = Field(default=None, description="folder of ordinary code; None: Python's standard library")
