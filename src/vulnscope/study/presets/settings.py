"""Settings of a preset: what is tried on which samples."""

from __future__ import annotations

from pydantic import Field

from vulnscope.records.base import Record
from vulnscope.steer.layers import PRESETS, choose_layers


class PresetConfig(Record):
    """Resolved settings of a preset; stored in the run and in the result."""

    layer_sets: tuple[str, ...] = Field(min_length=1, description="edited together, a vector each")
    normalised: tuple[bool, ...] = Field(min_length=1)
    scales: tuple[float, ...] = Field(min_length=1, description="raw")
    prompts: tuple[str, ...] = Field(min_length=1)
    n_cwes: int = Field(default=6, ge=2, description="weaknesses; those of the recipe where the corpus has them")
    pairs_per_cwe: int = Field(default=2, ge=1, description="the first ones: 2 pairs are 4 samples")
    n_tokens: int = Field(default=50, ge=2, description="of the long answer; the short one is its first token")
    batch: int = Field(default=4, ge=2, description="rows of one call in the indexings of larger batches")
    seed: int = Field(default=0, ge=0)
    n_bootstrap: int = Field(default=2000, ge=200, description="bootstrap draws per interval")
    max_batch_tokens: int | None = Field(default=None, ge=1, description="tokens per call; None: from free memory")


def clamp_layers(asked: str, n_layers: int) -> tuple[int, ...]:
    """The layers asked for, each at most the top one; layers that fall together are edited once."""
    if asked in PRESETS:
        return choose_layers(asked, n_layers)
    wanted = choose_layers(asked, 1 << 30)
    return tuple(dict.fromkeys(min(layer, n_layers - 1) for layer in wanted))
