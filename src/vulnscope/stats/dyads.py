"""The standard error of an AUROC between groups: comparisons belong to dyads of groups, and dyads share groups.

With r_d = (wins - a × comparisons) / all comparisons of its stratum, times the stratum's weight, the variance is the
sum of r_d r_d' over dyads that share a group (Fafchamps & Gubert 2007), also across strata. Deviations: a is the AUROC
of the stratum itself where at least half of its pairs of dyads share no group, and otherwise that of all strata, since
two pairs cannot show a spread around their own value; residuals are divided by the root of what is left of them after
fitting a (as HC2 does for a regression); and the self-products of dyads, below a thousandth of the whole where a
stratum has more than `MAX_DYADS` groups, are not taken out there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vulnscope.stats.groups import Floats, Groups, Ints

MAX_DYADS = 2000
_CHUNK_ENTRIES = 2_000_000
_ENOUGH_APART = 0.5
_DUST = 1e-12


class Dyads(NamedTuple):
    """Weighted residuals, summed over the dyads of each group, and dyad by dyad."""

    sums: Floats
    keys: Ints
    values: Floats


def compare_dyads(
    scores: Floats, is_positive: np.ndarray, groups: Groups, stratum: Ints, weights: Floats, sizes: Ints
) -> Dyads:
    """Residuals of one AUROC. `sizes` are the items of the strata, 0 for one without comparisons between groups."""
    total = sizes.sum()
    order = np.argsort(stratum, kind="stable")
    ends = np.searchsorted(stratum[order], np.arange(len(sizes) + 1))
    found = []
    for place in np.flatnonzero(sizes).tolist():
        items = order[ends[place] : ends[place + 1]]
        compared = _compare(scores[items], is_positive[items], groups.index[items], weights[items])
        found.append((float(sizes[place] / total), compared))
    overall = sum(share * each.area for share, each in found)
    sums = np.zeros(groups.n_groups)
    keys: list[Ints] = [np.zeros(0, dtype=np.int64)]
    values: list[Floats] = [np.zeros(0)]
    for share, each in found:
        centre = each.area if each.share_apart >= _ENOUGH_APART else overall
        left = each.share_apart if each.share_apart >= _ENOUGH_APART else max(each.share_apart, 1 - share)
        scale = share / each.n_comparisons / math.sqrt(left) if left > _DUST else math.nan
        sums[each.groups] += scale * (each.wins.sums - centre * each.comparisons.sums)
        if each.wins.matrix is not None and each.comparisons.matrix is not None:
            one, other = np.triu_indices(len(each.groups), 1)
            keys.append(each.groups[one] * groups.n_groups + each.groups[other])
            values.append(scale * (each.wins.matrix - centre * each.comparisons.matrix)[one, other])
    return Dyads(sums, np.concatenate(keys), np.concatenate(values))


def measure_spread(parts: Sequence[tuple[float, Dyads]]) -> float:
    """Standard error of a sum of AUROCs over the same groups, each times its factor."""
    sums: Floats = np.sum([factor * each.sums for factor, each in parts], axis=0)
    keys = np.concatenate([each.keys for _, each in parts])
    values = np.concatenate([factor * each.values for factor, each in parts])
    _, index = np.unique(keys, return_inverse=True)
    own = np.bincount(index, weights=values) if len(keys) else np.zeros(0)
    shared = float(sums @ sums)
    # Dyads that share nothing leave half of it; what lies below is chance.
    variance = max(shared - float(own @ own), shared / 2)
    return 0.0 if variance <= _DUST**2 else math.sqrt(variance)


class _ByGroup(NamedTuple):
    """A sum over comparisons: per group over the dyads that hold it, and per dyad (groups × groups) where few."""

    sums: Floats
    matrix: Floats | None


class _Compared(NamedTuple):
    """One stratum: its groups in rising order, and what their comparisons add up to."""

    groups: Ints
    wins: _ByGroup
    comparisons: _ByGroup
    n_comparisons: float
    area: float
    share_apart: float
    """Of all pairs of comparisons, the share in dyads without a group in common."""


def _compare(scores: Floats, is_positive: np.ndarray, group: Ints, weights: Floats) -> _Compared:
    names, index = np.unique(group, return_inverse=True)
    n_positive, n_negative = (
        np.bincount(index, weights=weights * (is_positive == side), minlength=len(names)).astype(np.float64)
        for side in (True, False)
    )
    sums = n_positive * (n_negative.sum() - n_negative) + n_negative * (n_positive.sum() - n_positive)
    is_small = len(names) <= MAX_DYADS
    matrix = np.outer(n_positive, n_negative) + np.outer(n_negative, n_positive) if is_small else None
    wins = _win(scores, is_positive, index, weights, len(names), is_small=is_small)
    n_comparisons = float(sums.sum()) / 2
    return _Compared(
        groups=names,
        wins=wins,
        comparisons=_ByGroup(sums, matrix),
        n_comparisons=n_comparisons,
        area=float(wins.sums.sum()) / 2 / n_comparisons,
        share_apart=1 - (float(sums @ sums) - _square_dyads(n_positive, n_negative)) / n_comparisons**2,
    )


def _square_dyads(n_positive: Floats, n_negative: Floats) -> float:
    """Sum over dyads of their squared comparisons."""
    squares = n_positive**2, n_negative**2
    products = n_positive * n_negative
    crossed = squares[0].sum() * squares[1].sum() - squares[0] @ squares[1]
    return float(crossed + products.sum() ** 2 - products @ products)


def _win(
    scores: Floats, is_positive: np.ndarray, index: Ints, weights: Floats, n_groups: int, *, is_small: bool
) -> _ByGroup:
    """Wins of positives over negatives of other groups, ties and missing scores 1/2."""
    positives, negatives = (np.flatnonzero(is_positive == side) for side in (True, False))
    negatives = negatives[np.argsort(index[negatives], kind="stable")]
    columns, starts = np.unique(index[negatives], return_index=True)
    sums, matrix = np.zeros(n_groups), np.zeros((n_groups, n_groups)) if is_small else None
    rows = max(1, _CHUNK_ENTRIES // max(1, len(negatives)))
    for at in range(0, len(positives), rows):
        own = positives[at : at + rows]
        wins = (np.sign(np.nan_to_num(scores[own, None] - scores[None, negatives])) + 1) / 2
        wins *= weights[own, None] * weights[None, negatives]
        by_group = np.add.reduceat(wins, starts, axis=1)
        by_group[index[own, None] == columns[None, :]] = 0.0
        np.add.at(sums, index[own], by_group.sum(axis=1))
        np.add.at(sums, columns, by_group.sum(axis=0))
        if matrix is not None:
            np.add.at(matrix, (index[own, None], columns[None, :]), by_group)
    return _ByGroup(sums, None if matrix is None else matrix + matrix.T)
