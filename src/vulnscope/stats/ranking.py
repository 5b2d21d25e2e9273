"""How well scores rank vulnerable above fixed code: AUROC between groups within strata, and pair-rank within pairs.

AUROC here is the chance that a vulnerable sample outscores a fixed one *of another group* of its stratum (ties 1/2),
strata weighted by their items. Twins never meet: in a stratum of few pairs their comparisons would be many, and AUROC
would drift to pair-rank, which alone compares them. The clustered AUROC of Obuchowski (1997) counts comparisons within
clusters as well; where every group is one sample both are the same.

Its standard error is that of a mean over dyads of groups, two of which depend on each other where they share a group
(Fafchamps & Gubert 2007; Aronow, Samii & Assenova 2015), the strata and their weights as they are. Resampling serves
badly: a draw, or leaving a group out, loses whole strata of two pairs.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from vulnscope.records.base import NotMeasured, Number
from vulnscope.stats.dyads import Dyads, compare_dyads, measure_spread
from vulnscope.stats.groups import Floats, Groups, Ints, count_effective

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_BLOCK_ENTRIES = 1_000_000
"""Draws × items handled at once, so that memory stays flat and the block stays in cache."""
_DUST = 1e-9


@dataclass(frozen=True, eq=False)
class AurocStatistic:
    """A sum of AUROCs over the same groups, each times a factor, as a function of group weights (draws × groups).

    At weights of one it is the figure that is printed. One AUROC is made by `auroc_statistic`; `-` and `average` join
    several. NaN where a draw leaves no stratum with samples of both labels in different groups.
    """

    terms: tuple[tuple[float, _Area], ...]

    def __call__(self, weights: Floats) -> Floats:
        """One value per draw, NaN where it is undefined."""
        total: Floats = np.sum([factor * area(weights) for factor, area in self.terms], axis=0)
        return total

    def __sub__(self, other: AurocStatistic) -> AurocStatistic:
        return AurocStatistic((*self.terms, *((-factor, area) for factor, area in other.terms)))

    @classmethod
    def average(cls, parts: Sequence[AurocStatistic]) -> AurocStatistic:
        """The mean of several."""
        return cls(tuple((factor / len(parts), area) for part in parts for factor, area in part.terms))

    @property
    def value(self) -> Number:
        """The figure itself, or why there is none."""
        if (reason := self.find_reason()) is not None:
            return NotMeasured(reason=reason)
        return float(self(np.ones((1, self.terms[0][1].groups.n_groups)))[0])

    def find_reason(self) -> str | None:
        """Why there is no value, or None."""
        return next((reason for _, area in self.terms if (reason := area.find_reason())), None)

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and highest value it can have: 0 and 1, -1 and 1 for a difference."""
        factors = [factor for factor, _ in self.terms]
        return sum(min(factor, 0.0) for factor in factors), sum(max(factor, 0.0) for factor in factors)

    @property
    def n_items(self) -> int:
        """Samples that are compared at all: those in strata of both labels in different groups."""
        return min(area.n_ranked for _, area in self.terms)

    @property
    def n_effective(self) -> float:
        """Effective groups of the label that has fewer of them, among the samples that are compared."""
        return min(area.n_effective for _, area in self.terms)

    @property
    def unranked_share(self) -> float:
        """Share of samples in strata without both labels in different groups, which carry no AUROC."""
        n_all = max(area.groups.n_items for _, area in self.terms)
        return 1 - self.n_items / n_all if n_all else 0.0

    def spread(self) -> float:
        """Standard error by dyads of groups; 0 where all comparisons agree, NaN where there are too few for one."""
        return measure_spread([(factor, area.dyads) for factor, area in self.terms])


def auroc(scores: ArrayLike, is_positive: ArrayLike) -> Number:
    """Probability that a positive item outscores a negative one, ties 1/2; every item is a group of its own.

    `NotMeasured` where either side is empty.
    """
    n_items = len(np.asarray(scores))
    return stratified_auroc(scores, is_positive, Groups(np.arange(n_items), n_items))


def stratified_auroc(
    scores: ArrayLike, is_positive: ArrayLike, groups: Groups, strata: Sequence[Hashable] | None = None
) -> Number:
    """The value of `auroc_statistic`, `NotMeasured` where no stratum has both labels in different groups."""
    return auroc_statistic(scores, is_positive, groups, strata).value


def auroc_statistic(
    scores: ArrayLike,
    is_positive: ArrayLike,
    groups: Groups,
    strata: Sequence[Hashable] | None = None,
    *,
    weights: ArrayLike | None = None,
) -> AurocStatistic:
    """AUROC between groups within `strata`, averaged with the strata's item counts; higher is better.

    An item without a score (NaN) wins half of its comparisons, whatever its side: what is missing ranks nothing.
    `weights` of items count comparisons by their product; strata keep the weight of their items. Sorted once,
    vectorised over draws.
    """
    stratum = np.zeros(groups.n_items, dtype=np.int64) if strata is None else Groups.from_labels(strata).index
    own = np.ones(groups.n_items) if weights is None else np.asarray(weights, dtype=np.float64)
    area = _Area(
        scores=np.asarray(scores, dtype=np.float64),
        is_positive=np.asarray(is_positive, dtype=np.float64),
        groups=groups,
        stratum=stratum,
        weights=own,
    )
    return AurocStatistic(((1.0, area),))


def pair_ranks(vulnerable_scores: ArrayLike, fixed_scores: ArrayLike) -> Floats:
    """Per pair 1 where the vulnerable twin scores higher, 1/2 on a tie or without a score (NaN), 0 otherwise.

    Their mean is the pair-rank.
    """
    difference = np.asarray(vulnerable_scores, dtype=np.float64) - np.asarray(fixed_scores, dtype=np.float64)
    ranks: Floats = (np.sign(np.nan_to_num(difference)) + 1) / 2
    return ranks


@dataclass(frozen=True, eq=False)
class _Area:
    """One AUROC: its items, and what is worked out of them once."""

    scores: Floats
    is_positive: Floats
    groups: Groups
    stratum: Ints
    weights: Floats
    n_strata: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "n_strata", int(self.stratum.max(initial=-1)) + 1)

    def __call__(self, weights: Floats) -> Floats:
        if not self.groups.n_items:
            return np.full(len(weights), np.nan)
        rows = max(1, _BLOCK_ENTRIES // self.groups.n_items)
        return np.concatenate([self._block(weights[at : at + rows]) for at in range(0, len(weights), rows)])

    def find_reason(self) -> str | None:
        """Why there is no value, or None."""
        if not self.groups.n_items:
            return "no samples"
        return None if self.n_ranked else "no stratum holds vulnerable and fixed samples of different groups"

    @property
    def n_ranked(self) -> int:
        return int(self._is_ranked.sum())

    @cached_property
    def n_effective(self) -> float:
        sides = [self.groups.sums(self._is_ranked & (self.is_positive == side)) for side in (0.0, 1.0)]
        return min(count_effective(sizes) for sizes in sides)

    @cached_property
    def dyads(self) -> Dyads:
        """Comparisons between groups, for the standard error."""
        return compare_dyads(
            self.scores, self.is_positive > 0, self.groups, self.stratum, self.weights, self.stratum_sizes
        )

    @cached_property
    def stratum_sizes(self) -> Ints:
        """Items in each stratum that has an AUROC, 0 in the others."""
        return np.bincount(self.stratum[self._is_ranked], minlength=self.n_strata)

    @cached_property
    def _is_ranked(self) -> np.ndarray:
        """Items in strata that hold both labels in different groups."""
        if not self.groups.n_items:
            return np.zeros(0, dtype=bool)
        comparisons = self._count(np.ones((1, self.groups.n_groups)))[1][0]
        return np.asarray(comparisons[self.stratum] > 0)

    @cached_property
    def _filled(self) -> tuple[Floats, ...]:
        """The scores; twice where some are missing, below and above all others: the mean counts them as ties."""
        is_missing = np.isnan(self.scores)
        if not is_missing.any():
            return (self.scores,)
        known = self.scores[~is_missing] if not is_missing.all() else np.zeros(1)
        return tuple(np.where(is_missing, end, self.scores) for end in (known.min() - 1, known.max() + 1))

    @cached_property
    def _orders(self) -> tuple[_Order, ...]:
        return tuple(_Order.of(each, self.is_positive, self.stratum) for each in self._filled)

    @cached_property
    def _own(self) -> tuple[_Wins, ...]:
        """For each of `_orders`: wins and comparisons of items with items of their own group (groups × strata)."""
        shape = self.groups.n_groups, self.n_strata
        places, index = np.unique(self.groups.index * self.n_strata + self.stratum, return_inverse=True)
        found = []
        for values in self._filled:
            order = _Order.of(values, self.is_positive, index)
            own = _count_wins(order, self.weights[None, order.items])
            wins, comparisons = np.zeros((2, shape[0] * shape[1]))
            wins[places], comparisons[places] = own.wins[0], own.comparisons[0]
            found.append(_Wins(wins.reshape(shape), comparisons.reshape(shape)))
        return tuple(found)

    @cached_property
    def _counts(self) -> Floats:
        """Items of each group in each stratum (groups × strata)."""
        cells = self.groups.index * self.n_strata + self.stratum
        counts = np.bincount(cells, minlength=self.groups.n_groups * self.n_strata)
        return counts.reshape(self.groups.n_groups, self.n_strata).astype(np.float64)

    def _count(self, weights: Floats) -> _Wins:
        """Wins and comparisons between groups (draws × strata), those of no stratum but rounding set to 0."""
        items, squares = weights[:, self.groups.index] * self.weights, weights * weights
        pairs = [
            (_count_wins(order, items[:, order.items]), own) for order, own in zip(self._orders, self._own, strict=True)
        ]
        wins: Floats = np.mean([every.wins - squares @ own.wins for every, own in pairs], axis=0)
        every, own = pairs[0]
        between = every.comparisons - squares @ own.comparisons
        return _Wins(wins, np.where(between > _DUST * every.comparisons, between, 0.0))

    def _block(self, weights: Floats) -> Floats:
        wins, comparisons = self._count(weights)
        is_defined = comparisons > 0
        per_stratum = np.divide(wins, comparisons, out=np.zeros_like(wins), where=is_defined)
        sizes = np.where(is_defined, weights @ self._counts, 0.0)
        total: Floats = sizes.sum(axis=1)
        average: Floats = np.full_like(total, math.nan)
        np.divide((per_stratum * sizes).sum(axis=1), total, out=average, where=total > 0)
        return average


class _Wins(NamedTuple):
    """How often a positive item outscores a negative one, of how many comparisons, by stratum."""

    wins: Floats
    comparisons: Floats


@dataclass(frozen=True)
class _Order:
    """Items sorted by stratum and score, with where levels (runs of equal scores) and strata begin."""

    items: Ints
    is_positive: Floats
    levels: Ints
    strata: Ints

    @classmethod
    def of(cls, values: Floats, is_positive: Floats, stratum: Ints) -> Self:
        items = np.lexsort((values, stratum))
        is_new_stratum = np.diff(stratum[items], prepend=-1) != 0
        levels = np.flatnonzero(is_new_stratum | (np.diff(values[items], prepend=np.nan) != 0))
        return cls(
            items=items,
            is_positive=is_positive[items],
            levels=levels,
            strata=np.searchsorted(levels, np.flatnonzero(is_new_stratum)),
        )


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
    return _Wins(wins - n_positive * below[:, order.strata], n_positive * n_negative)
