"""Settings of the preset `starcoder-steering-2025`: what was tried, in our own words."""

from __future__ import annotations

from pydantic import Field

from vulnscope.records.base import Record
from vulnscope.steer.layers import PRESETS, choose_layers

_ASK = "```{language}\n{code}\n```\n\n"
PROMPTS = {
    "plain": _ASK + "Is this code secure or vulnerable? It is",
    "balanced": _ASK
    + "Some of the code shown here is secure and some of it is vulnerable, about half each. Weigh what speaks for "
    "either before you decide. Is this code secure or vulnerable? It is",
}
SIX_CWES = ("CWE-22", "CWE-77", "CWE-190", "CWE-416", "CWE-476", "CWE-787")
"""The six weaknesses in C of SecLLMHolmes."""


class StarcoderConfig(Record):
    """Resolved settings of the preset; stored in the run and in the result."""

    layer_sets: tuple[str, ...] = Field(
        default=("4,12,20", "21,22,23", "final-3"), min_length=1, description="edited together, a vector each"
    )
    normalised: tuple[bool, ...] = Field(default=(True, False), min_length=1)
    scales: tuple[float, ...] = Field(default=(20.0, 50.0, 100.0), min_length=1, description="raw")
    prompts: tuple[str, ...] = Field(default=("plain", "balanced"), min_length=1)
    n_cwes: int = Field(default=6, ge=2, description="weaknesses; the six in C of SecLLMHolmes where it has them")
    pairs_per_cwe: int = Field(default=2, ge=1, description="the first ones: 2 pairs are 4 samples")
    n_tokens: int = Field(default=50, ge=2, description="of the long answer; the short one is its first token")
    batch: int = Field(default=4, ge=2, description="rows of one call in the indexings `... of 4`")
    seed: int = Field(default=0, ge=0)
    n_bootstrap: int = Field(default=2000, ge=200, description="bootstrap draws per interval")
    max_batch_tokens: int | None = Field(default=None, ge=1, description="tokens per call; None: from free memory")


def clamp_layers(asked: str, n_layers: int) -> tuple[int, ...]:
    """The layers asked for, each at most the top one; layers that fall together are edited once."""
    if asked in PRESETS:
        return choose_layers(asked, n_layers)
    wanted = choose_layers(asked, 1 << 30)
    return tuple(dict.fromkeys(min(layer, n_layers - 1) for layer in wanted))
