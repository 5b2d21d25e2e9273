"""Paired tests: labels swapped within pairs, before against after on the same items.

All p-values are two-sided and never 0. Items of one group are flipped together, so the tests hold under any
dependence within groups.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from vulnscope.records.base import NotMeasured, Number
from vulnscope.stats.groups import Floats, Groups, Ints, Statistic
from vulnscope.stats.jackknife import pseudo_values

_MAX_ENUMERATED_GROUPS = 14
_BLOCK_ENTRIES = 1_000_000


def swap_test(differences: ArrayLike, groups: Groups) -> Number:
    """Exact p-value of the sum of whole-number `differences` (one per pair) when signs flip by group.

    With +1 for P-C and -1 for P-R it tests pair-correct against the swap of labels within pairs; with +1, 0, -1 for
    the vulnerable twin ranked above, level with or below the fixed one it tests pair-rank against 1/2. Where every
    group is one pair this is the exact sign test. `NotMeasured` without pairs.
    """
    values = np.asarray(differences)
    if not np.array_equal(values, np.round(values)):
        raise ValueError("differences must be whole numbers; use sign_flip_test for others")
    if not len(values):
        return NotMeasured(reason="no pairs")
    sums: Ints = np.abs(groups.sums(values)).round().astype(np.int64)
    observed = abs(int(np.asarray(values).sum()))
    total = int(sums.sum())
    if observed == 0:
        return 1.0
    # The flipped sum is 2X - total with X = sum of sums[g] × Bernoulli(1/2); X's distribution from its
    # characteristic function on a grid that holds all its values, so nothing is approximated.
    sizes, counts = np.unique(sums[sums > 0], return_counts=True)
    phase = np.exp(-2j * np.pi * np.outer(np.arange(total + 1), sizes) / (total + 1))
    probability = np.fft.ifft(np.prod(((1 + phase) / 2) ** counts, axis=1)).real.clip(0)
    is_as_extreme = np.abs(2 * np.arange(total + 1) - total) >= observed
    return float(np.clip(probability[is_as_extreme].sum(), 2.0 ** (1 - int(counts.sum())), 1.0))


def sign_flip_test(differences: ArrayLike, groups: Groups, *, n_draws: int = 4000, seed: int = 0) -> Number:
    """P-value of the mean of `differences` (after - before, one per item) when signs flip by group.

    Exact up to 14 groups with a difference; otherwise (1 + k)/(1 + n) over `n_draws` random flips.
    `NotMeasured` without items.
    """
    sums = groups.sums(differences)
    if not groups.n_items:
        return NotMeasured(reason="no items")
    sums = sums[sums != 0]
    if not len(sums):
        return 1.0
    # A hair below, so that a flip that repeats the observed signs counts in spite of rounding.
    threshold = abs(sums.sum()) * (1 - 1e-9)
    if len(sums) <= _MAX_ENUMERATED_GROUPS:
        bits = np.arange(2 ** len(sums))[:, None] >> np.arange(len(sums))
        return float((np.abs((1.0 - 2.0 * (bits & 1)) @ sums) >= threshold).mean())
    generator = np.random.default_rng(seed)
    rows = max(1, _BLOCK_ENTRIES // len(sums))
    as_extreme = 0
    for at in range(0, n_draws, rows):
        flips = generator.integers(0, 2, size=(min(rows, n_draws - at), len(sums))) * 2.0 - 1.0
        as_extreme += int((np.abs(flips @ sums) >= threshold).sum())
    return (1 + as_extreme) / (1 + n_draws)


def mcnemar(n_only_before: int, n_only_after: int) -> Number:
    """Exact p-value for items right only before against only after; valid where every group is one item or pair."""
    flips: Floats = np.concatenate([np.full(n_only_before, -1.0), np.full(n_only_after, 1.0)])
    if not len(flips):
        return 1.0
    return swap_test(flips, Groups(np.arange(len(flips)), len(flips)))


def change_test(statistic: Statistic, n_groups: int, *, n_draws: int = 4000, seed: int = 0) -> Number:
    """P-value of a difference statistic (after - before) against 0: `sign_flip_test` of its pseudo-values.

    For statistics that are no mean over items; holds its size in simulations from 8 groups on (docs/measures.md).
    `NotMeasured` where leaving out a group leaves the statistic undefined.
    """
    if not n_groups:
        return NotMeasured(reason="no items")
    values = pseudo_values(statistic, n_groups)
    if np.isnan(values).any():
        return NotMeasured(reason=f"too few groups: undefined without one of the {n_groups}")
    # Rounding of a statistic that does not change must not pass for a change.
    values[np.abs(values) < 1e-9] = 0.0
    return sign_flip_test(values, Groups(np.arange(n_groups), n_groups), n_draws=n_draws, seed=seed)
