"""Which slices differ from the rest, in how often they are called vulnerable and in how well they are ranked.

A slice that reads .70 where the whole reads .60 may be chance: there are many slices. The test is of slice minus rest.
Every item has a value: 1 where it is called vulnerable; the share of its comparisons that are ranked right (with items
of the other label, of its own stratum, of other groups), whose mean is the AUROC. A side's error is that of its mean
over groups (Liang & Zeger 1986), twice as large for an AUROC, whose items are also what others are compared with
(DeLong, DeLong & Clarke-Pearson 1988). A side whose own spread is smaller than that of all takes the latter, so that a
handful of groups that happen to agree proves nothing. p-values are Student's, corrected over all slices and both
figures by Holm. In simulations without any difference a slice was named at 5 % in at most 5 % of draws.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import stdtr

from vulnscope.records.base import NotMeasured, Number
from vulnscope.stats import MIN_GROUPS, Groups, describe_few, holm

if TYPE_CHECKING:
    from vulnscope.ask.figures.paired_scores import ScoreTable
    from vulnscope.stats import Floats


class Apart(NamedTuple):
    """Corrected p-values of slice minus rest."""

    yes_rate: Number
    auroc: Number


def compare_with_rest(
    scores: Floats, says_yes: Floats, slices: Sequence[np.ndarray], items: ScoreTable
) -> tuple[Apart, ...]:
    """One result per slice, a mask of `items`; `says_yes` is 1 or 0, the latter also where nothing clear was said."""
    groups = Groups.from_labels(items.groups).index
    ranked = rank_items(scores, items)
    found = [_test(values, own, groups, each) for values, each in ((says_yes, 1.0), (ranked, 2.0)) for own in slices]
    adjusted = iter(holm([float(p) for p in found if not isinstance(p, NotMeasured)]))
    corrected = [p if isinstance(p, NotMeasured) else next(adjusted) for p in found]
    return tuple(Apart(*both) for both in zip(corrected[: len(slices)], corrected[len(slices) :], strict=True))


def rank_items(scores: Floats, items: ScoreTable) -> Floats:
    """Of each item, the share of comparisons ranked right, ties 1/2; NaN without any.

    Compared are items of the other label, in the same stratum, of other groups. One without a score (NaN) ties with
    all of them.
    """
    shares = np.full(len(items), np.nan)
    groups = Groups.from_labels(items.groups).index
    strata = Groups.from_labels(items.strata)
    for stratum in range(strata.n_groups):
        own = np.flatnonzero(strata.index == stratum)
        is_vulnerable = items.is_vulnerable[own]
        for mine, others, sign in ((is_vulnerable, ~is_vulnerable, 1.0), (~is_vulnerable, is_vulnerable, -1.0)):
            shares[own[mine]] = _share_won(sign * scores, groups, own[mine], own[others])
    return shares


def _share_won(scores: Floats, groups: np.ndarray, mine: np.ndarray, others: np.ndarray) -> Floats:
    """How often each of `mine` scores above the `others` of other groups."""
    known = scores[others]
    ordered = np.sort(known[np.isfinite(known)])
    wins = (np.searchsorted(ordered, scores[mine]) + np.searchsorted(ordered, scores[mine], side="right")) / 2
    wins += (len(others) - len(ordered)) / 2
    wins[np.isnan(scores[mine])] = len(others) / 2
    counts = np.full(len(mine), float(len(others)))
    by_group: dict[int, list[float]] = {}
    for place in others.tolist():
        by_group.setdefault(int(groups[place]), []).append(float(scores[place]))
    for at, place in enumerate(mine.tolist()):
        for twin in by_group.get(int(groups[place]), ()):
            wins[at] -= (np.nan_to_num(np.sign(scores[place] - twin)) + 1) / 2
            counts[at] -= 1
    shares: Floats = np.divide(wins, counts, out=np.full(len(mine), np.nan), where=counts > 0)
    return shares


def _test(values: Floats, is_own: np.ndarray, groups: np.ndarray, weight: float) -> Number:
    """p-value of the mean of `values` in the slice minus that of the rest; `weight` multiplies the errors."""
    is_known = np.isfinite(values)
    sides = [_Side.of(values[kept], groups[kept]) for kept in (is_known & is_own, is_known & ~is_own)]
    fewest = min(sides, key=lambda side: side.n_effective)
    if fewest.n_effective < MIN_GROUPS:
        return NotMeasured(reason=describe_few(fewest.n_groups, fewest.n_effective))
    # Around the mean of all, as without a difference: where slices are of one mind each, their own spread is nothing.
    whole = _Side.of(values[is_known], groups[is_known])
    spread = whole.spread
    variance = sum(weight**2 * max(side.spread, spread) * side.n_groups / side.n_items**2 for side in sides)
    if not variance > 0:
        return 1.0
    t = abs(sides[0].mean - sides[1].mean) / math.sqrt(variance)
    own = [side.n_effective for side in sides if side.spread > spread]
    freedom = min(own, default=whole.n_effective) - 1
    return float(2 * stdtr(freedom, -t))


class _Side(NamedTuple):
    """A slice or the rest; `spread` is the variance of the groups' sums of deviations from the mean."""

    mean: float
    spread: float
    n_items: int
    n_groups: int
    n_effective: float

    @classmethod
    def of(cls, values: Floats, groups: np.ndarray) -> _Side:
        own = Groups.from_labels(groups.tolist())
        if own.n_groups < 2:
            return cls(math.nan, math.nan, own.n_items, own.n_groups, own.n_effective)
        mean = float(values.mean())
        sums = own.sums(values - mean)
        return cls(mean, float((sums**2).sum()) / (own.n_groups - 1), own.n_items, own.n_groups, own.n_effective)
