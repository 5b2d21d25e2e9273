"""What a cut on the score finds, and at which price: precision, recall, false-positive rate.

Average precision is the area under the steps of the precision-recall curve, sum of (R_k - R_(k-1)) P_k over descending
levels of the score, without interpolation (as scikit-learn). Chance is the share of positives.

Recall at a false-positive rate r: of all cuts "score at or above t" with at most a share r of the negatives above, the
lowest. VD-S (Ding et al. 2024, PrimeVul, section 5.1) is the share of vulnerable code missed there, 1 - recall; lower
is better. So rare a rate rests on few negatives: `warn_of_few_negatives` says when on too few.

An item without a score (NaN) ranks nothing: it is spread over all levels as the others lie.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from vulnscope.records.base import NotMeasured, Number
from vulnscope.stats.classification import divide
from vulnscope.stats.groups import Floats, Groups, Ints, Statistic

MIN_ALARMS = 10
"""False alarms that a rate should allow on the negatives at hand, for its cut to rest on more than a few of them."""

_BLOCK_ENTRIES = 1_000_000
# A share that equals the rate but for rounding is allowed.
_ROUNDING = 1e-12


def average_precision(scores: ArrayLike, is_positive: ArrayLike) -> Number:
    """Area under the precision-recall curve, in [0, 1], chance at the share of positives; `NotMeasured` without any."""
    return _once(average_precision_statistic, scores, is_positive)


def average_precision_statistic(scores: ArrayLike, is_positive: ArrayLike, groups: Groups) -> Statistic:
    """`average_precision` as a function of group weights; NaN where a draw holds no positive."""

    def measure(found: _Found) -> Floats:
        precision = divide(found.positives, found.positives + found.negatives)
        recall = divide(found.positives, np.repeat(found.positives[:, -1:], found.positives.shape[1], axis=1))
        # A level that a draw left out above all others has no precision, and no recall to weigh it with.
        return np.where(
            found.positives[:, -1] > 0,
            (np.diff(recall, prepend=0.0, axis=1) * np.nan_to_num(precision)).sum(axis=1),
            np.nan,
        )

    return _statistic(scores, is_positive, groups, measure)


def recall_at(scores: ArrayLike, is_positive: ArrayLike, rate: float) -> Number:
    """Share of positives found by the lowest cut with a false-positive rate of at most `rate`; ties are cut together.

    `NotMeasured` where either side is empty.
    """
    return _once(partial(recall_statistic, rate=rate), scores, is_positive)


def recall_statistic(scores: ArrayLike, is_positive: ArrayLike, groups: Groups, rate: float) -> Statistic:
    """`recall_at` as a function of group weights, each draw with its own cut; NaN where a draw lacks a side."""

    def measure(found: _Found) -> Floats:
        n_positives, n_negatives = found.positives[:, -1], found.negatives[:, -1]
        n_allowed = (found.negatives <= (rate * n_negatives * (1 + _ROUNDING))[:, None]).sum(axis=1)
        reached = np.concatenate([np.zeros((len(n_positives), 1)), found.positives], axis=1)
        return np.where(
            n_negatives > 0, divide(np.take_along_axis(reached, n_allowed[:, None], axis=1)[:, 0], n_positives), np.nan
        )

    return _statistic(scores, is_positive, groups, measure)


def cut_at(negative_scores: ArrayLike, rate: float) -> Number:
    """The lowest negative score that may not be called positive: a cut strictly above it keeps the rate.

    `NotMeasured` without negatives. With a rate of 1 or more every score may, and the cut is minus the largest float.
    """
    scores = np.sort(np.asarray(negative_scores, dtype=np.float64))[::-1]
    if not len(scores):
        return NotMeasured(reason="no negatives to place the cut by")
    n_allowed = math.floor(rate * len(scores) * (1 + _ROUNDING))
    return float(scores[n_allowed]) if n_allowed < len(scores) else -float(np.finfo(np.float64).max)


def warn_of_few_negatives(n_negatives: int, rate: float) -> str | None:
    """Why a figure at this false-positive rate is weak, or None where it allows at least `MIN_ALARMS` alarms."""
    if rate * n_negatives >= MIN_ALARMS:
        return None
    needed = math.ceil(MIN_ALARMS / rate)
    allowed = math.floor(rate * n_negatives * (1 + _ROUNDING))
    return (
        f"too few negatives: a rate of {100 * rate:g} % allows {allowed} of {n_negatives}; "
        f"{needed:,} would allow {MIN_ALARMS}"
    )


class _Found(NamedTuple):
    """Draws × levels, from the highest score down: how many of either side lie at or above the level."""

    positives: Floats
    negatives: Floats


def _statistic(
    scores: ArrayLike, is_positive: ArrayLike, groups: Groups, measure: Callable[[_Found], Floats]
) -> Statistic:
    if not groups.n_items:
        return lambda weights: np.full(len(weights), np.nan)
    values, positive = np.asarray(scores, dtype=np.float64), np.asarray(is_positive, dtype=np.float64)
    is_missing = np.isnan(values)
    if is_missing.all():
        values, is_missing = np.zeros(len(values)), np.zeros(len(values), dtype=bool)
    missing: Ints = np.flatnonzero(is_missing)
    order: Ints = np.argsort(-values, kind="stable")[: len(values) - len(missing)]
    levels = np.flatnonzero(np.diff(values[order], append=np.nan) != 0)
    group = groups.index[order]
    rows = max(1, _BLOCK_ENTRIES // groups.n_items)

    def block(weights: Floats) -> Floats:
        items = weights[:, group]
        reached = np.cumsum(items, axis=1)[:, levels]
        found = np.cumsum(items * positive[order], axis=1)[:, levels]
        if len(missing):
            # The parts of what has no score that lie at or above each level.
            known = reached[:, -1:]
            part = np.divide(reached, known, out=np.ones_like(reached), where=known > 0)
            unknown = weights[:, groups.index[missing]]
            reached = reached + part * unknown.sum(axis=1, keepdims=True)
            found = found + part * (unknown * positive[missing]).sum(axis=1, keepdims=True)
        return measure(_Found(found, reached - found))

    return lambda weights: np.concatenate([block(weights[at : at + rows]) for at in range(0, len(weights), rows)])


def _once(build: Callable[..., Statistic], scores: ArrayLike, is_positive: ArrayLike) -> Number:
    n_items = len(np.asarray(scores))
    groups = Groups(np.arange(n_items), n_items)
    value = float(build(scores, is_positive, groups)(np.ones((1, n_items)))[0])
    return NotMeasured(reason="one side is empty") if math.isnan(value) else value
