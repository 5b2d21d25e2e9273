"""How often, how warm and how long: the settings of generated answers, and the seed of each."""

from __future__ import annotations

from hashlib import sha256

from pydantic import Field, field_validator

from vulnscope.records.base import Record


class Decoding(Record):
    """Every prompt is answered `repeats` times at each of `temperatures`."""

    temperatures: tuple[float, ...] = Field(default=(0.0,), description="0 is greedy; the first is canonical")
    repeats: int = Field(default=1, ge=1, description="answers per prompt and temperature")
    max_new_tokens: int = Field(default=512, ge=1, description="longest answer per turn, in tokens")

    @field_validator("temperatures")
    @classmethod
    def _in_range(cls, temperatures: tuple[float, ...]) -> tuple[float, ...]:
        if not temperatures or min(temperatures) < 0:
            raise ValueError("needs at least one temperature, none below 0")
        return tuple(dict.fromkeys(temperatures))


def derive_seed(seed: int, sample: str, prompt: str, temperature: float, repeat: int) -> int | None:
    """The seed of one answer, from 31 bits of a hash; None where decoding is greedy."""
    if temperature == 0:
        return None
    text = f"{seed}/{sample}/{prompt}/{temperature!r}/{repeat}"
    return int.from_bytes(sha256(text.encode("utf-8", "surrogatepass")).digest()[:4]) >> 1
