"""What one probing is asked to do."""

from __future__ import annotations

from pydantic import Field

from vulnscope.ask.settings import Selection


class ProbeConfig(Selection):
    """Resolved settings of a probing; stored in the run and in the result."""

    layers: tuple[int, ...] = Field(default=(), description="layers to read; () reads all")
    n_folds: int = Field(default=5, ge=2, description="outer folds, over groups")
    n_inner: int = Field(default=3, ge=2, description="inner folds, over groups of the training part")
    n_permutations: int = Field(default=99, ge=19, description="within-pair permutations of the whole selection")
    curve_repeats: int = Field(default=3, ge=1, description="draws of training pairs per point of the learning curve")
    transfer: tuple[str, ...] = Field(default=(), description="corpora to read with what was fitted on this one")
    reinitialise: bool | None = Field(
        default=None, description="probe a re-initialised model too; None: below 1e9 parameters"
    )
