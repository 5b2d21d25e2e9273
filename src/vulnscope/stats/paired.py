"""Paired tests: labels swapped within pairs, before against after on the same items.

All p-values are two-sided and never 0. Items of one group are flipped together, so the tests hold under any
dependence within groups.
"""

from __future__ import annotations

from collections.abc import Sequence

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
    `NotMeasured` without items, and where one of them is no number.
    """
    sums = groups.sums(differences)
    if not groups.n_items:
        return NotMeasured(reason="no items")
    if not np.isfinite(sums).all():
        return NotMeasured(reason="some differences are no numbers")
    sums = sums[sums != 0]
    if not len(sums):
        return 1.0
    # A hair below, so that a flip that repeats the observed signs counts in spite of rounding.
    threshold = abs(sums.sum()) * (1 - 1e-9)
    if len(sums) <= _MAX_ENUMERATED_GROUPS:
        return float((np.abs(_all_flips(len(sums)) @ sums) >= threshold).mean())
    generator = np.random.default_rng(seed)
    rows = max(1, _BLOCK_ENTRIES // len(sums))
    as_extreme = 0
    for at in range(0, n_draws, rows):
        flips = generator.integers(0, 2, size=(min(rows, n_draws - at), len(sums))) * 2.0 - 1.0
        as_extreme += int((np.abs(flips @ sums) >= threshold).sum())
    return (1 + as_extreme) / (1 + n_draws)


def max_t_test(
    differences: Sequence[ArrayLike], groups: Groups, *, n_draws: int = 4000, seed: int = 0
) -> tuple[Number, ...]:
    """P-values of several means of `differences` on the same items, corrected over all of them by max-T.

    Each row has one difference per item, NaN where it was not measured. Signs flip by group, at once in all rows, so
    that what rows share is kept; a row's p-value is the share of flips whose largest |t| of any row reaches its own
    (Westfall & Young 1993, single step), t being the sum over the root of the sum of squares of the groups. Exact up to
    14 groups; otherwise (1 + k)/(1 + n) over `n_draws` flips. `NotMeasured` for a row without items.
    """
    if not len(differences):
        return ()
    table = np.asarray(differences, dtype=np.float64)
    sums: Floats = np.array([groups.sums(row) for row in np.nan_to_num(table)]).reshape(len(table), groups.n_groups)
    length = np.sqrt((sums**2).sum(axis=1, keepdims=True))
    scaled: Floats = np.divide(sums, length, out=np.zeros_like(sums), where=length > 0)
    scaled = scaled[:, (scaled != 0).any(axis=0)]
    observed = np.abs(scaled.sum(axis=1)) * (1 - 1e-9)
    is_exact = scaled.shape[1] <= _MAX_ENUMERATED_GROUPS
    flips = _all_flips(scaled.shape[1]) if is_exact else _draw_flips(scaled.shape[1], n_draws, seed)
    highest = np.abs(flips @ scaled.T).max(axis=1)
    as_extreme = [int((highest >= own).sum()) for own in observed.tolist()]
    p_values = [k / len(flips) if is_exact else (1 + k) / (1 + n_draws) for k in as_extreme]
    missing = NotMeasured(reason="no items")
    return tuple(p if np.isfinite(row).any() else missing for p, row in zip(p_values, table, strict=True))


def _draw_flips(n_groups: int, n_draws: int, seed: int) -> Floats:
    flips: Floats = np.where(np.random.default_rng(seed).integers(0, 2, size=(n_draws, n_groups)) == 1, 1.0, -1.0)
    return flips


def _all_flips(n_groups: int) -> Floats:
    bits = np.arange(2**n_groups)[:, None] >> np.arange(n_groups)
    flips: Floats = np.where((bits & 1) == 1, -1.0, 1.0)
    return flips


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
