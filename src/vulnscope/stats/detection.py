"""Signal detection: how well scores and answers tell vulnerable from fixed code, and how they lean.

Formulas after Macmillan & Creelman, *Detection Theory* (2005): d' and c in chapter 2, d_a in chapter 3, the
log-linear correction (k + 1/2)/(n + 1) after Hautus (1995). Where a figure cannot be identified it is
`NotMeasured` with the reason, never 0.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import ndtri

from vulnscope.records.audit import PairCells
from vulnscope.records.base import NotMeasured, Number
from vulnscope.stats.groups import Floats, Groups, Statistic

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from vulnscope.records.rows import Says

MIN_ANSWERS = 5
"""Answers of each kind that each side needs before d' and c are identified."""

_BLOCK_ENTRIES = 1_000_000
"""Draws × items handled at once, so that memory stays flat and the block stays in cache."""


def auroc(scores: ArrayLike, is_positive: ArrayLike) -> Number:
    """Probability that a positive item outscores a negative one, ties 1/2; higher is better.

    `NotMeasured` where either side is empty.
    """
    return stratified_auroc(scores, is_positive, None)


def stratified_auroc(scores: ArrayLike, is_positive: ArrayLike, strata: Sequence[Hashable] | None) -> Number:
    """AUROC within each stratum, averaged with the strata's item counts as weights.

    Strata that hold one side only have no AUROC and drop out; `NotMeasured` where none is left.
    """
    one_group = Groups(np.zeros(len(np.asarray(scores)), dtype=np.int64), 1)
    statistic = auroc_statistic(scores, is_positive, one_group, strata)
    value = float(statistic(np.ones((1, 1)))[0])
    return NotMeasured(reason="no stratum holds both vulnerable and fixed samples") if math.isnan(value) else value


def auroc_statistic(
    scores: ArrayLike, is_positive: ArrayLike, groups: Groups, strata: Sequence[Hashable] | None = None
) -> Statistic:
    """`stratified_auroc` as a function of group weights, sorted once and vectorised over draws."""
    values = np.asarray(scores, dtype=np.float64)
    stratum = Groups.from_labels(strata).index if strata is not None else np.zeros(len(values), dtype=np.int64)
    order = np.lexsort((values, stratum))
    values, stratum = values[order], stratum[order]
    positive = np.asarray(is_positive, dtype=np.float64)[order]
    group = groups.index[order]
    is_new_stratum = np.diff(stratum, prepend=-1) != 0
    # A level is a run of equal scores in one stratum: what ties 1/2.
    is_new_level = is_new_stratum | (np.diff(values, prepend=np.nan) != 0)
    levels = np.flatnonzero(is_new_level)
    starts = np.searchsorted(levels, np.flatnonzero(is_new_stratum))

    def block(weights: Floats) -> Floats:
        item = weights[:, group]
        positives = item * positive
        negatives = item - positives
        if len(levels) < len(values):
            positives = np.add.reduceat(positives, levels, axis=1)
            negatives = np.add.reduceat(negatives, levels, axis=1)
        below = np.cumsum(negatives, axis=1) - negatives
        n_positive = np.add.reduceat(positives, starts, axis=1)
        n_negative = np.add.reduceat(negatives, starts, axis=1)
        wins = np.add.reduceat(positives * (below + negatives / 2), starts, axis=1) - n_positive * below[:, starts]
        n_comparisons = n_positive * n_negative
        is_defined = n_comparisons > 0
        per_stratum = np.divide(wins, n_comparisons, out=np.zeros_like(wins), where=is_defined)
        n_items = np.where(is_defined, n_positive + n_negative, 0.0)
        return _ratio((per_stratum * n_items).sum(axis=1), n_items.sum(axis=1))

    def statistic(weights: Floats) -> Floats:
        if not len(values):
            return np.full(len(weights), np.nan)
        rows = max(1, _BLOCK_ENTRIES // len(values))
        return np.concatenate([block(weights[at : at + rows]) for at in range(0, len(weights), rows)])

    return statistic


def mean_statistic(values: ArrayLike, groups: Groups, weights: ArrayLike | None = None) -> Statistic:
    """The mean of `values` over items as a function of group weights; `weights` counts items, 1 each by default."""
    items = np.asarray(values, dtype=np.float64)
    counts = np.ones_like(items) if weights is None else np.asarray(weights, dtype=np.float64)
    numerator, denominator = groups.sums(items * counts), groups.sums(counts)
    return lambda draws: _ratio(draws @ numerator, draws @ denominator)


def d_a(area: Number) -> Number:
    """Distance of the two sides in pooled standard deviations: sqrt(2) times the normal quantile of the AUROC."""
    if isinstance(area, NotMeasured):
        return area
    if not 0 < area < 1:
        return NotMeasured(reason=f"AUROC is exactly {area:g}: the distance has no bound")
    return math.sqrt(2) * float(ndtri(area))


def pair_ranks(vulnerable_scores: ArrayLike, fixed_scores: ArrayLike) -> Floats:
    """Per pair 1 where the vulnerable twin scores higher, 1/2 on a tie, 0 otherwise; their mean is the pair-rank."""
    difference = np.asarray(vulnerable_scores, dtype=np.float64) - np.asarray(fixed_scores, dtype=np.float64)
    ranks: Floats = (np.sign(difference) + 1) / 2
    return ranks


class AnswerCounts(NamedTuple):
    """Parsed answers by side; what the rates, d' and c are computed from."""

    hits: int
    misses: int
    false_alarms: int
    correct_rejections: int


def count_answers(is_vulnerable: Sequence[bool], says: Sequence[Says]) -> AnswerCounts:
    """Parsed answers by side; unparsed ones are on neither."""
    answers = list(zip(is_vulnerable, says, strict=True))
    return AnswerCounts(
        answers.count((True, "vulnerable")),
        answers.count((True, "fixed")),
        answers.count((False, "vulnerable")),
        answers.count((False, "fixed")),
    )


def corrected_rate(k: int, n: int) -> Number:
    """(k + 1/2)/(n + 1), which never reaches 0 or 1; `NotMeasured` without answers."""
    return (k + 0.5) / (n + 1) if n else NotMeasured(reason="no parsed answer on this side")


def hit_rate(counts: AnswerCounts) -> Number:
    """Corrected share of parsed answers to vulnerable samples that say vulnerable."""
    return corrected_rate(counts.hits, counts.hits + counts.misses)


def false_alarm_rate(counts: AnswerCounts) -> Number:
    """Corrected share of parsed answers to fixed samples that say vulnerable."""
    return corrected_rate(counts.false_alarms, counts.false_alarms + counts.correct_rejections)


def d_prime(counts: AnswerCounts) -> Number:
    """z(hit rate) - z(false-alarm rate); `NotMeasured` with fewer than 5 of either answer on a side."""
    return _unidentified(counts) or _z(hit_rate(counts)) - _z(false_alarm_rate(counts))


def criterion(counts: AnswerCounts) -> Number:
    """-(z(H) + z(F))/2; negative leans to "vulnerable". `NotMeasured` under the same condition as d'."""
    return _unidentified(counts) or -(_z(hit_rate(counts)) + _z(false_alarm_rate(counts))) / 2


def pair_cells(vulnerable_says: Sequence[Says], fixed_says: Sequence[Says]) -> PairCells | None:
    """Shares of pairs by what was said of the two twins, a pair with an unparsed answer apart; None without pairs."""
    pairs = list(zip(vulnerable_says, fixed_says, strict=True))
    if not pairs:
        return None
    return PairCells(
        both_right=pairs.count(("vulnerable", "fixed")) / len(pairs),
        both_vulnerable=pairs.count(("vulnerable", "vulnerable")) / len(pairs),
        both_fixed=pairs.count(("fixed", "fixed")) / len(pairs),
        both_wrong=pairs.count(("fixed", "vulnerable")) / len(pairs),
        unparsed=sum("unparsed" in pair for pair in pairs) / len(pairs),
    )


def chance_pair_correct(says: Sequence[Says]) -> Number:
    """P-C of answers drawn blindly at the model's own rates over the paired samples `says`.

    y(1 - y) where every answer is parsed. In general (share "vulnerable") × (share "fixed"), because a pair with
    an unparsed answer stays in the denominator of P-C.
    """
    if not says:
        return NotMeasured(reason="no pairs")
    return says.count("vulnerable") * says.count("fixed") / len(says) ** 2


def _unidentified(counts: AnswerCounts) -> NotMeasured | None:
    fewest = min(counts)
    if fewest >= MIN_ANSWERS:
        return None
    return NotMeasured(reason=f"not identified: only {fewest} of one answer on a side, {MIN_ANSWERS} needed")


def _z(rate: Number) -> float:
    return float(ndtri(float(rate)))


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    return np.divide(numerator, denominator, out=np.full_like(numerator, np.nan), where=denominator > 0)
