"""Whether steering did more than move the criterion, in one sentence from the outcomes and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vulnscope.records.base import Estimate, NotMeasured
from vulnscope.report.format import format_estimate, format_signed_estimate

if TYPE_CHECKING:
    from vulnscope.records.steer import Outcome

STEERING = ("method", "prompt and method", "gated method", "combined methods", "from file")


def write_sentence(outcomes: Sequence[Outcome], clean_pair_correct: Estimate, n_report: int) -> str:
    """The claim on the report groups: sensitivity, criterion only, or nothing shown; with the threshold beside it."""
    steered = [each for each in outcomes if each.kind in STEERING]
    helping = [each for each in steered if each.effect == "sensitivity"]
    moving = [each for each in steered if each.effect == "criterion only"]
    where = f"on {n_report} held-out groups"
    if helping:
        best = max(helping, key=lambda each: _value(each.auroc_change))
        head = (
            f"{where}: steering did more than move the criterion: {best.name} ({best.what}) raised the AUROC of the "
            f"margin by {format_signed_estimate(best.auroc_change)}, beyond random and shuffled directions"
        )
    elif moving:
        best = max(moving, key=lambda each: abs(_value(each.bias_shift)))
        head = (
            f"{where}: steering only moved the criterion: {best.name} ({best.what}) shifted margins by "
            f"{format_signed_estimate(best.bias_shift)} nats and changed their AUROC by "
            f"{format_signed_estimate(best.auroc_change)}"
        )
    else:
        head = f"{where}: no steering changed the answers beyond chance"
    return f"{head}; pair-correct was {format_estimate(clean_pair_correct, 'rate')}{_describe_pairs(steered, outcomes)}"


def _describe_pairs(steered: Sequence[Outcome], outcomes: Sequence[Outcome]) -> str:
    parts = ""
    if steered:
        best = max(steered, key=lambda each: _value(each.pair_correct))
        parts += f", with the best steering {format_estimate(best.pair_correct, 'rate')}"
    threshold = next((each for each in outcomes if each.kind == "threshold"), None)
    if threshold is not None:
        parts += f", with a threshold alone {format_estimate(threshold.pair_correct, 'rate')}"
    return parts


def _value(estimate: Estimate) -> float:
    return -1.0 if isinstance(estimate.value, NotMeasured) else estimate.value
