"""What every study that looks inside checks of its items and layers, and how it tells of its progress."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from vulnscope.errors import InputError

if TYPE_CHECKING:
    from vulnscope.ask.figures.paired_scores import ScoreTable

Stage = Callable[[str, int, int], None]
"""Hears the name of a stage, how much of it is done, and how much there is."""


def check_items(items: ScoreTable) -> None:
    """Raise `InputError` where nothing can be told apart or permuted."""
    n_yes = int(items.is_vulnerable.sum())
    if n_yes in (0, len(items)):
        found = "vulnerable" if n_yes else "fixed"
        raise InputError(f"all {len(items)} samples are {found}; a read-out needs both classes. Use a corpus of twins")
    if not len(items.twins()):
        raise InputError("no sample has its twin; labels are permuted within pairs. Use a corpus of twins")
    if not any(items.strata[one] == items.strata[other] for one, other in items.twins().tolist()):
        raise InputError(
            f"no two twins of the {len(items.twins())} pairs have the same CWE and language; samples are ranked within "
            "these. Use a corpus whose twins share them"
        )


def check_layers(asked: Sequence[int], n_layers: int) -> tuple[int, ...]:
    """The layers to read, all where none is named; raises `InputError` for one that does not exist."""
    if wrong := [layer for layer in asked if not 0 <= layer < n_layers]:
        raise InputError(f"layer {wrong[0]} does not exist; this subject has layers 0 to {n_layers - 1}")
    return tuple(sorted(set(asked))) or tuple(range(n_layers))
