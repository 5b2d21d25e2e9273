"""Which interval so many groups carry, and Wilson's, which needs no resamples.

Groups count by effect (`Groups.n_effective`): 38 groups of which one holds a fifth of the items are worth about 16.
"""

from __future__ import annotations

import math

from scipy.special import ndtri

MIN_GROUPS = 8
"""Effective groups below which a figure that is no proportion carries no interval."""

MANY_GROUPS = 30
"""Effective groups from which on the bootstrap is trusted; between both the jackknife stands in."""

COVERAGE_OF_FEW = 0.90
"""How often a 95 % interval from fewer than `MANY_GROUPS` groups holds the truth in simulations, at worst."""


def wilson(rate: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval (1927) of a proportion `rate` at `n` independent units."""
    z = float(ndtri((1 + confidence) / 2))
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(max(0.0, rate * (1 - rate)) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def describe_few(n_groups: int, n_effective: float) -> str:
    """Why so few groups carry no interval."""
    if n_groups - n_effective < 0.05:
        return f"too few groups ({n_groups}, {MIN_GROUPS} needed)"
    return f"too few groups ({n_groups}, which count as {n_effective:.1f}; {MIN_GROUPS} needed)"
