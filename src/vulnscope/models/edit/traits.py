"""What holds of each operation by name, said once, so that nobody asks for names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

OperationName = Literal["add", "project-out", "clamp", "scale-component", "replace"]


class Traits(NamedTuple):
    """What an edit by one operation takes, and what its number means."""

    is_scaled: bool = True
    """A number says how far."""
    is_signed: bool = False
    """The number's sign says which way: > 0 towards what the vector points at."""
    counts_in_units: bool = False
    """The number is a length along the vector, which norm units can measure."""
    takes_subspace: bool = False
    """Several vectors make one edit."""
    may_keep_norm: bool = False
    """The edited activation can be brought back to its length."""
    words: str | None = None
    """How tables call it where no number says how far."""


TRAITS: Mapping[OperationName, Traits] = {
    "add": Traits(is_signed=True, counts_in_units=True, may_keep_norm=True),
    "project-out": Traits(is_scaled=False, takes_subspace=True, words="projected out"),
    "clamp": Traits(is_signed=True, counts_in_units=True),
    "scale-component": Traits(),
    "replace": Traits(is_scaled=False),
}
