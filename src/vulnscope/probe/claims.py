"""The claims that held-out scores support."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.records.base import NotMeasured, Number

if TYPE_CHECKING:
    from vulnscope.probe.against import Against
    from vulnscope.records.probe import Claim

EQUIVALENCE = 0.05
"""AUROC below which a difference counts as none (MEASURES, "Diagnosis")."""
LEVEL = 0.05


def judge_decodable(against: Against, p: Number) -> Claim:
    """Whether the probe beats every baseline: `yes`, `no` (an equivalence claim), or `cannot tell`.

    `no` is judged against the baseline that was chosen on other folds: the best of several on the same items reads too
    high, and what a probe has over it too low.
    """
    if isinstance(p, NotMeasured):
        return "cannot tell"
    lows = [each.low for each in (against.difference, *against.each.values())]
    if all(not isinstance(low, NotMeasured) and low > 0 for low in lows) and p <= LEVEL:
        return "yes"
    high = against.difference.high
    return "no" if not isinstance(high, NotMeasured) and high < EQUIVALENCE else "cannot tell"


def judge_general(against: Against, p: Number) -> Claim:
    """The same under folds that leave whole parts out."""
    return judge_decodable(against, p)
