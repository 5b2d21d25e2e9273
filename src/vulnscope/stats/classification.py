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


def divide(top: Floats, bottom: Floats) -> Floats:
    """`top / bottom`, NaN where the bottom is not above 0."""
    return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)


def _matthews(tables: Floats) -> Floats:
    """Per row of hits, false alarms, misses, correct rejections."""
    hits, alarms, misses, rejections = tables.T
    scale = np.sqrt((hits + alarms) * (hits + misses) * (rejections + alarms) * (rejections + misses))
    return divide(hits * rejections - alarms * misses, scale)
