"""Corrections for families of tests: Holm (1979) for few, Benjamini & Hochberg (1995) for many.

A test by flips of n groups gives no p below 2^(1 - n). Where that is above the level divided by the number of tests,
no effect, however large, can be shown by itself: a p above the level then says nothing, and stands as "cannot be found
here" and not as a p.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vulnscope.records.base import NotMeasured, Number

LEVEL = 0.05
"""Where a corrected p-value shows something."""

IMPOSSIBLE = "cannot be found here"
"""How the reason begins where no result could have been shown."""

MAX_HOLM = 20
"""Largest family that Holm corrects; larger ones go by the false discovery rate."""


@dataclass(frozen=True)
class Corrected:
    """The p-values of one family, adjusted, in the given order; `label` names the correction as tables state it."""

    p_values: tuple[Number, ...]
    label: str
    n_impossible: int = 0
    """How many tests were made that could have shown nothing."""


def correct(p_values: Sequence[Number], n_groups: Sequence[int]) -> Corrected:
    """The p-values that were measured, corrected together; the others keep their reason and do not count.

    `n_groups` are flipped in each test. A test that so few cannot pass counts, and has a reason in place of its p.
    """
    measured = [float(p) for p in p_values if not isinstance(p, NotMeasured)]
    adjusted = iter(correct_family(measured))
    found = [
        p if isinstance(p, NotMeasured) else _state(next(adjusted), n, len(measured))
        for p, n in zip(p_values, n_groups, strict=True)
    ]
    n_impossible = sum(map(is_impossible, found))
    return Corrected(tuple(found), name_correction(len(measured), n_impossible), n_impossible)


def is_impossible(p: Number) -> bool:
    """Whether no result could have been shown."""
    return isinstance(p, NotMeasured) and p.reason.startswith(IMPOSSIBLE)


def _state(p: float, n_groups: int, n_tests: int) -> Number:
    """A corrected p-value, or why none could have been small enough."""
    if p <= LEVEL or 2.0 ** (1 - n_groups) <= LEVEL / n_tests:
        return p
    tests = "a single test" if n_tests == 1 else f"one of {n_tests} tests"
    return NotMeasured(reason=f"{IMPOSSIBLE}: no result of {tests} on {n_groups} groups could be clear of chance")


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p-values in the given order; rejecting those <= alpha keeps the family-wise error at alpha."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return _in_place(steps, order)


def benjamini_hochberg(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p-values in the given order; rejecting those <= alpha keeps the false discovery rate at alpha."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    steps = p[order] * len(p) / np.arange(1, len(p) + 1)
    return _in_place(np.minimum.accumulate(steps[::-1])[::-1], order)


def correct_family(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjusted by Holm up to `MAX_HOLM` tests, by Benjamini-Hochberg above."""
    return holm(p_values) if len(p_values) <= MAX_HOLM else benjamini_hochberg(p_values)


def name_correction(n_tests: int, n_impossible: int = 0, *, is_most: bool = False) -> str:
    """Which correction `correct_family` applies to so many tests (`is_most`: or fewer), as the tables state it."""
    if n_tests <= 1:
        return "none"
    name = f"Holm over {n_tests}" if n_tests <= MAX_HOLM else f"Benjamini-Hochberg over {n_tests}"
    most, rest = " at most" * is_most, f", {n_impossible} of which {IMPOSSIBLE}" if n_impossible else ""
    return f"{name}{most}{rest}"


def _in_place(steps: np.ndarray, order: np.ndarray) -> tuple[float, ...]:
    adjusted = np.empty_like(steps)
    adjusted[order] = np.minimum(steps, 1.0)
    return tuple(adjusted.tolist())
