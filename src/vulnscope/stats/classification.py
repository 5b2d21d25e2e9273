"""Answers as those of a classifier: balanced accuracy and the correlation of Matthews.

Balanced accuracy is the mean of the shares of right answers on either side, so a corpus with more fixed than vulnerable
code rewards no lean; an unparsed answer is wrong. The correlation (Matthews 1975) is that of parsed answers with
labels, in [-1, 1]; it is undefined where all answers or all labels are equal.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from vulnscope.records.base import NotMeasured, Number
from vulnscope.stats.detection import AnswerCounts
from vulnscope.stats.groups import Floats, Groups, Statistic


def matthews(counts: AnswerCounts) -> Number:
    """Correlation of parsed answers with labels; `NotMeasured` where either never varies."""
    tables = np.array([[counts.hits, counts.false_alarms, counts.misses, counts.correct_rejections]], dtype=np.float64)
    value = float(_matthews(tables)[0])
    return NotMeasured(reason="all parsed answers, or all labels, are the same") if math.isnan(value) else value


def matthews_statistic(is_vulnerable: ArrayLike, says_vulnerable: ArrayLike, groups: Groups) -> Statistic:
    """`matthews` of parsed answers as a function of group weights; NaN where it is undefined."""
    truth, said = np.asarray(is_vulnerable, dtype=bool), np.asarray(says_vulnerable, dtype=bool)
    cells = (truth & said, ~truth & said, truth & ~said, ~truth & ~said)
    per_group = np.stack([groups.sums(cell) for cell in cells], axis=1)
    return lambda weights: _matthews(weights @ per_group)


def balanced_accuracy_statistic(is_vulnerable: ArrayLike, is_right: ArrayLike, groups: Groups) -> Statistic:
    """Mean over both sides of the share of right answers, by group weights; NaN where a draw holds one side only."""
    truth, right = np.asarray(is_vulnerable, dtype=bool), np.asarray(is_right, dtype=bool)
    sides = [(groups.sums(right & side), groups.sums(side)) for side in (truth, ~truth)]

    def statistic(weights: Floats) -> Floats:
        shares = [divide(weights @ n_right, weights @ n) for n_right, n in sides]
        return (shares[0] + shares[1]) / 2

    return statistic


def best_cut(scores: ArrayLike, is_vulnerable: ArrayLike) -> float:
    """The cut above which to call vulnerable that has the highest balanced accuracy, halfway between two scores.

    The lowest of equals. Raises `ValueError` where one side is empty: then no cut is better than another.
    """
    order = np.argsort(np.asarray(scores, dtype=np.float64), kind="stable")
    values, labels = np.asarray(scores, dtype=np.float64)[order], np.asarray(is_vulnerable, dtype=bool)[order]
    n_yes, n_no = int(labels.sum()), int((~labels).sum())
    if not n_yes or not n_no:
        raise ValueError(f"{n_yes} vulnerable and {n_no} fixed samples: a cut is chosen between both")
    cleared = np.append(0, np.cumsum(~labels)) / n_no
    found = 1 - np.append(0, np.cumsum(labels)) / n_yes
    cuts = np.concatenate(([values[0] - 1], (values[1:] + values[:-1]) / 2, [values[-1] + 1]))
    # Equal scores are cut together.
    is_cut = np.concatenate(([True], values[1:] > values[:-1], [True]))
    return float(cuts[is_cut][np.argmax((found + cleared)[is_cut])])


def divide(top: Floats, bottom: Floats) -> Floats:
    """`top / bottom`, NaN where the bottom is not above 0."""
    return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)


def _matthews(tables: Floats) -> Floats:
    """Per row of hits, false alarms, misses, correct rejections."""
    hits, alarms, misses, rejections = tables.T
    scale = np.sqrt((hits + alarms) * (hits + misses) * (rejections + alarms) * (rejections + misses))
    return divide(hits * rejections - alarms * misses, scale)
