"""The claims that held-out scores support."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.records.base import Estimate, NotMeasured, Number

if TYPE_CHECKING:
    from vulnscope.records.probe import Claim

EQUIVALENCE = 0.05
"""AUROC below which a difference counts as none (MEASURES, "Diagnosis")."""
LEVEL = 0.05


def judge_decodable(difference: Estimate, p: float) -> Claim:
    """Whether the probe beats the best baseline: `yes`, `no` (an equivalence claim), or `cannot tell`."""
    low, high = difference.low, difference.high
    if isinstance(low, NotMeasured) or isinstance(high, NotMeasured):
        return "cannot tell"
    if low > 0 and p <= LEVEL:
        return "yes"
    return "no" if high < EQUIVALENCE else "cannot tell"


def judge_general(difference: Estimate, p: Number) -> Claim:
    """The same under folds that leave whole parts out."""
    return "cannot tell" if isinstance(p, NotMeasured) else judge_decodable(difference, p)
