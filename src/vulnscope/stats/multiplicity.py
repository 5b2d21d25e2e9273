"""Corrections for families of tests: Holm (1979) for few, Benjamini & Hochberg (1995) for many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vulnscope.records.base import NotMeasured, Number

MAX_HOLM = 20
"""Largest family that Holm corrects; larger ones go by the false discovery rate."""


@dataclass(frozen=True)
class Corrected:
    """The p-values of one family, adjusted, in the given order; `label` names the correction as tables state it."""

    p_values: tuple[Number, ...]
    label: str


def correct(p_values: Sequence[Number]) -> Corrected:
    """The p-values that were measured, corrected together; the others keep their reason and do not count."""
    measured = [float(p) for p in p_values if not isinstance(p, NotMeasured)]
    adjusted = iter(correct_family(measured))
    return Corrected(
        p_values=tuple(p if isinstance(p, NotMeasured) else next(adjusted) for p in p_values),
        label=name_correction(len(measured)),
    )


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


def name_correction(n_tests: int) -> str:
    """Which correction `correct_family` applies to so many tests, as the tables state it."""
    if n_tests <= 1:
        return "none"
    return f"Holm over {n_tests}" if n_tests <= MAX_HOLM else f"Benjamini-Hochberg over {n_tests}"


def _in_place(steps: np.ndarray, order: np.ndarray) -> tuple[float, ...]:
    adjusted = np.empty_like(steps)
    adjusted[order] = np.minimum(steps, 1.0)
    return tuple(adjusted.tolist())
