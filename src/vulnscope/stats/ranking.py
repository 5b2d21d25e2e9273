"""How well scores rank vulnerable above fixed code: AUROC within strata, and within pairs.

An AUROC compares samples as if they were independent; twins are not. Each stands in only one of n comparisons, but a
resample that draws a pair k times holds its own comparison k² times, and margins of twins nearly agree. So the
statistic to resample leaves comparisons within a group out: with them, 95 % intervals over ten strata of ten pairs
covered 11 to 100 % in simulations where margins of twins correlate at 0.99, without them 94 to 97 %.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from vulnscope.records.base import NotMeasured, Number
from vulnscope.stats.groups import Floats, Groups, Ints, Statistic

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_BLOCK_ENTRIES = 1_000_000
"""Draws × items handled at once, so that memory stays flat and the block stays in cache."""


def auroc(scores: ArrayLike, is_positive: ArrayLike) -> Number:
    """Probability that a positive item outscores a negative one, ties 1/2; higher is better.

    `NotMeasured` where either side is empty.
    """
    return stratified_auroc(scores, is_positive, None)


def stratified_auroc(scores: ArrayLike, is_positive: ArrayLike, strata: Sequence[Hashable] | None) -> Number:
    """AUROC within each stratum, averaged with the strata's item counts as weights.

    Strata that hold one side only have no AUROC and drop out; `NotMeasured` where none is left. An item without a
    score (NaN) wins half of its comparisons, whatever its side: what is missing ranks nothing.
    """
    n_items = len(np.asarray(scores))
    if not n_items:
        return NotMeasured(reason="no samples")
    if (ends := _fill_missing(scores)) is not None:
        lowest, highest = (stratified_auroc(end, is_positive, strata) for end in ends)
        return lowest if isinstance(lowest, NotMeasured) else (lowest + float(highest)) / 2
    order = _Order.of(scores, is_positive, strata)
    value = float(_average(_count_wins(order, np.ones((1, n_items))))[0])
    return NotMeasured(reason="no stratum holds both vulnerable and fixed samples") if math.isnan(value) else value


def auroc_statistic(
    scores: ArrayLike, is_positive: ArrayLike, groups: Groups, strata: Sequence[Hashable] | None = None
) -> Statistic:
    """`stratified_auroc` between groups as a function of group weights: sorted once, vectorised over draws.

    Items are compared only with items of other groups. NaN where a draw leaves no stratum with such comparisons.
    """
    if not groups.n_items:
        return lambda weights: np.full(len(weights), np.nan)
    if (ends := _fill_missing(scores)) is not None:
        lowest, highest = (auroc_statistic(end, is_positive, groups, strata) for end in ends)
        return lambda weights: (lowest(weights) + highest(weights)) / 2
    order = _Order.of(scores, is_positive, strata)
    group = groups.index[order.items]
    own_wins, own_comparisons = _count_own(scores, is_positive, groups, strata, order.n_strata)
    rows = max(1, _BLOCK_ENTRIES // groups.n_items)

    def block(weights: Floats) -> Floats:
        all_wins = _count_wins(order, weights[:, group])
        squares = weights * weights
        between = all_wins._replace(
            wins=all_wins.wins - squares @ own_wins, comparisons=all_wins.comparisons - squares @ own_comparisons
        )
        return _average(between)

    def statistic(weights: Floats) -> Floats:
        return np.concatenate([block(weights[at : at + rows]) for at in range(0, len(weights), rows)])

    return statistic


def pair_ranks(vulnerable_scores: ArrayLike, fixed_scores: ArrayLike) -> Floats:
    """Per pair 1 where the vulnerable twin scores higher, 1/2 on a tie or without a score (NaN), 0 otherwise.

    Their mean is the pair-rank.
    """
    difference = np.asarray(vulnerable_scores, dtype=np.float64) - np.asarray(fixed_scores, dtype=np.float64)
    ranks: Floats = (np.sign(np.nan_to_num(difference)) + 1) / 2
    return ranks


def _fill_missing(scores: ArrayLike) -> tuple[Floats, Floats] | None:
    """`scores` with NaN below all others, and above all others; None where none is missing.

    The mean of an AUROC under both counts each comparison with what is missing as one half.
    """
    values = np.asarray(scores, dtype=np.float64)
    is_missing = np.isnan(values)
    if not is_missing.any():
        return None
    known = values[~is_missing] if not is_missing.all() else np.zeros(1)
    return np.where(is_missing, known.min() - 1, values), np.where(is_missing, known.max() + 1, values)


@dataclass(frozen=True)
class _Order:
    """Items sorted by stratum and score, with where levels (runs of equal scores) and strata begin."""

    items: Ints
    is_positive: Floats
    levels: Ints
    strata: Ints

    @property
    def n_strata(self) -> int:
        return len(self.strata)

    @classmethod
    def of(cls, scores: ArrayLike, is_positive: ArrayLike, strata: Sequence[Hashable] | None) -> Self:
        values = np.asarray(scores, dtype=np.float64)
        stratum = np.zeros(len(values), dtype=np.int64) if strata is None else Groups.from_labels(strata).index
        items = np.lexsort((values, stratum))
        is_new_stratum = np.diff(stratum[items], prepend=-1) != 0
        levels = np.flatnonzero(is_new_stratum | (np.diff(values[items], prepend=np.nan) != 0))
        return cls(
            items=items,
            is_positive=np.asarray(is_positive, dtype=np.float64)[items],
            levels=levels,
            strata=np.searchsorted(levels, np.flatnonzero(is_new_stratum)),
        )


class _Wins(NamedTuple):
    """Draws × strata: how often a positive item outscores a negative one, of how many comparisons, among how many."""

    wins: Floats
    comparisons: Floats
    n_items: Floats


def _count_wins(order: _Order, weights: Floats) -> _Wins:
    """`weights` (draws × items in order) repeat items."""
    positives = weights * order.is_positive
    negatives = weights - positives
    if len(order.levels) < len(order.items):
        positives = np.add.reduceat(positives, order.levels, axis=1)
        negatives = np.add.reduceat(negatives, order.levels, axis=1)
    below = np.cumsum(negatives, axis=1) - negatives
    n_positive = np.add.reduceat(positives, order.strata, axis=1)
    n_negative = np.add.reduceat(negatives, order.strata, axis=1)
    wins = np.add.reduceat(positives * (below + negatives / 2), order.strata, axis=1)
    return _Wins(wins - n_positive * below[:, order.strata], n_positive * n_negative, n_positive + n_negative)


def _count_own(
    scores: ArrayLike, is_positive: ArrayLike, groups: Groups, strata: Sequence[Hashable] | None, n_strata: int
) -> tuple[Floats, Floats]:
    """Groups × strata: wins and comparisons of items with items of their own group."""
    stratum = np.zeros(groups.n_items, dtype=np.int64) if strata is None else Groups.from_labels(strata).index
    cells = groups.index * n_strata + stratum
    found = _count_wins(_Order.of(scores, is_positive, cells.tolist()), np.ones((1, groups.n_items)))
    # Strata come out in order of first appearance, here as there.
    places = list(dict.fromkeys(cells.tolist()))
    wins, comparisons = np.zeros((2, groups.n_groups * n_strata))
    wins[places], comparisons[places] = found.wins[0], found.comparisons[0]
    return wins.reshape(groups.n_groups, n_strata), comparisons.reshape(groups.n_groups, n_strata)


def _average(found: _Wins) -> Floats:
    """Strata's AUROC, weighted by their items; NaN where no stratum has comparisons."""
    is_defined = found.comparisons > 0.5
    per_stratum = np.divide(found.wins, found.comparisons, out=np.zeros_like(found.wins), where=is_defined)
    weights = np.where(is_defined, found.n_items, 0.0)
    total: Floats = weights.sum(axis=1)
    average: Floats = np.full_like(total, np.nan)
    np.divide((per_stratum * weights).sum(axis=1), total, out=average, where=total > 0)
    return average
