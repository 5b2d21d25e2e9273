"""Whether steering did more than move the criterion, in one sentence from the outcomes and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vulnscope.report.format import format_estimate, format_signed_estimate

if TYPE_CHECKING:
    from vulnscope.records.base import Estimate
    from vulnscope.records.steer import Outcome

STEERING = ("method", "prompt and method", "gated method", "combined methods", "from file")


def write_sentence(outcomes: Sequence[Outcome], leader: str, clean_pair_correct: Estimate, n_report: int) -> str:
    """The claim on the report groups about `leader`, the method that did best on the groups that choose.

    The best on the report groups themselves would look better than it is.
    """
    led = next(each for each in outcomes if each.name == leader and each.kind == "method")
    which = f"{led.name} ({led.what}), which did best on the groups that choose,"
    change = format_signed_estimate(led.auroc_change)
    if led.effect == "sensitivity":
        claim = (
            f"steering did more than move the criterion: {which} raised the AUROC of the margin by {change}, beyond "
            "random and shuffled directions"
        )
    elif led.effect == "criterion only":
        claim = (
            f"steering only moved the criterion: {which} shifted margins by {format_signed_estimate(led.bias_shift)} "
            f"nats and changed their AUROC by {change}"
        )
    else:
        claim = f"steering changed nothing beyond chance: {which} changed the AUROC of the margin by {change}"
    parts = [
        f"on {n_report} held-out groups: {claim}",
        f"pair-correct was {format_estimate(clean_pair_correct, 'rate')}, with it "
        f"{format_estimate(led.pair_correct, 'rate')}{_describe_threshold(outcomes)}",
    ]
    others = [each for each in outcomes if each.kind in STEERING and each is not led]
    if n_better := sum(each.effect == "sensitivity" for each in others):
        parts.append(f"{n_better} of {len(others)} other steerings told twins apart better than without")
    return "; ".join(parts)


def _describe_threshold(outcomes: Sequence[Outcome]) -> str:
    threshold = next((each for each in outcomes if each.kind == "threshold"), None)
    return "" if threshold is None else f", with a threshold alone {format_estimate(threshold.pair_correct, 'rate')}"
