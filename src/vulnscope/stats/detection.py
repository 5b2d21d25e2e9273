"""Signal detection: how well answers tell vulnerable from fixed code, and how they lean.

Formulas after Macmillan & Creelman, *Detection Theory* (2005): d' and c in chapter 2, d_a in chapter 3, the
log-linear correction (k + 1/2)/(n + 1) after Hautus (1995). Where a figure cannot be identified it is
`NotMeasured` with the reason, never 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from scipy.special import ndtri

from vulnscope.records.audit import PairCells
from vulnscope.records.base import NotMeasured, Number

if TYPE_CHECKING:
    from vulnscope.records.rows import Says

MIN_ANSWERS = 5
"""Answers of each kind that each side needs before d' and c are identified."""


def d_a(area: Number) -> Number:
    """Distance of the two sides in pooled standard deviations: sqrt(2) times the normal quantile of the AUROC."""
    if isinstance(area, NotMeasured):
        return area
    if not 0 < area < 1:
        return NotMeasured(reason=f"AUROC is exactly {area:g}: the distance has no bound")
    return math.sqrt(2) * float(ndtri(area))


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
