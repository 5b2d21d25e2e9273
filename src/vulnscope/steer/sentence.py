"""Whether steering did more than move the criterion, in one sentence from the outcomes and nothing else.

It names the controls that match it and what it ruins; figures stand without their intervals, which the page has below.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vulnscope.report.format import format_number, format_signed

if TYPE_CHECKING:
    from vulnscope.records.base import Estimate
    from vulnscope.records.steer import Outcome

STEERING = ("method", "prompt and method", "gated method", "combined methods", "from file")


def write_sentence(outcomes: Sequence[Outcome], leader: str, clean_pair_correct: Estimate) -> str:
    """The claim on the report groups about `leader`, the method that did best on the groups that choose.

    The best on the report groups themselves would look better than it is.
    """
    led = next(each for each in outcomes if each.name == leader and each.kind == "method")
    parts = [
        f"{led.name}, chosen on other groups, {_describe_effect(led)}",
        f"pairs right {_rate(clean_pair_correct)}, with it {_rate(led.pair_correct)}{_describe_threshold(outcomes)}",
    ]
    if led.is_ruinous:
        parts.append("it ruins ordinary code")
    others = [each for each in outcomes if each.kind in STEERING and each is not led]
    if n_better := sum(each.effect == "sensitivity" for each in others):
        parts.append(f"{n_better} of {len(others)} other steerings told twins apart better")
    return "; ".join(parts)


def _describe_effect(led: Outcome) -> str:
    change, shift = format_signed(led.auroc_change.value), format_signed(led.bias_shift.value)
    match led.effect:
        case "sensitivity":
            return f"tells twins apart better than all controls: AUROC {change}"
        case "criterion only":
            return f"only moves the criterion: margins {shift} nats, AUROC {change}"
        case "not beyond controls":
            return f"moves margins no further than control directions: {shift} nats"
        case "cannot be found here":
            return "has an effect that cannot be found here, with so few groups"
    return f"changes nothing beyond chance: AUROC {change}"


def _describe_threshold(outcomes: Sequence[Outcome]) -> str:
    threshold = next((each for each in outcomes if each.kind == "threshold"), None)
    return "" if threshold is None else f", with a threshold alone {_rate(threshold.pair_correct)}"


def _rate(estimate: Estimate) -> str:
    return format_number(estimate.value, "rate")
