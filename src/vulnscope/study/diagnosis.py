"""One of six diagnoses from the evidence, as MEASURES defines them; whatever is not established is `cannot tell`.

*Blind* is a claim of equivalence: the upper bounds of (probe - best surface rule) and of (says - 1/2) must lie below a
negligible AUROC. All others rest on intervals that exclude their opposite.
"""

from __future__ import annotations

from vulnscope.records.base import Estimate, NotMeasured, Number
from vulnscope.report.format import format_estimate, format_number
from vulnscope.study.config import Limits
from vulnscope.study.record import ChangeEvidence, Evidence, Verdict

CHANCE = 0.5


def diagnose(evidence: Evidence, limits: Limits = Limits()) -> Verdict:  # noqa: B008  # frozen
    """The diagnosis that the evidence establishes."""
    reasons: list[str] = []
    says = _lies_above(evidence.says.low, CHANCE)
    if says and (fallen := _find_fallen(evidence.changes, limits)):
        reasons.append(
            f"its answers rank samples ({_show(evidence.says)}), but lose that under {fallen.kind} "
            f"({_show(fallen.before)} to {_show(fallen.after)}), which keeps every label"
        )
        return Verdict(diagnosis="says it for the wrong reason", reasons=tuple(reasons))
    knows = evidence.decodable == "yes"
    if knows:
        reasons.append(
            f"decodable: a probe reads {_show(evidence.probe)}, "
            f"the best surface rule ({evidence.baseline_name}) {_show(evidence.baseline)}"
        )
    if says and not _is_far_behind(evidence):
        reasons.append(f"its answers rank samples: {_show(evidence.says)}")
        if knows and _lies_above(evidence.threshold_gain.low, limits.bias_gain):
            reasons.append(
                f"a threshold lifts balanced accuracy from {_show(evidence.accuracy)} "
                f"to {_show(evidence.threshold_accuracy)}"
            )
            return Verdict(diagnosis="knows, says it with a bias", reasons=tuple(reasons))
        if _lies_above(evidence.accuracy.low, CHANCE):
            reasons.append(
                f"balanced accuracy {_show(evidence.accuracy)}; a threshold adds {_show(evidence.threshold_gain)}"
            )
            return Verdict(diagnosis="says it", reasons=tuple(reasons))
    if knows and _lies_above(evidence.gap.low, 0.0) and _is_far_behind(evidence):
        reasons.append(f"its answers do not show it: {_show(evidence.says)}, gap {_show(evidence.gap)}")
        return Verdict(diagnosis="knows, does not say it", reasons=tuple(reasons))
    is_no_probe = _lies_below(evidence.over_baseline.high, limits.negligible)
    if is_no_probe and _lies_below(evidence.says.high, CHANCE + limits.negligible):
        reasons.append(
            f"neither a probe (over the best surface rule: {_show(evidence.over_baseline)}) nor its answers "
            f"({_show(evidence.says)}) tell vulnerable from fixed code"
        )
        return Verdict(diagnosis="blind", reasons=tuple(reasons))
    reasons.append(
        f"nothing is established: says {_show(evidence.says)}, probe over surface {_show(evidence.over_baseline)}; "
        f"{_describe_power(evidence.detectable)}"
    )
    return Verdict(diagnosis="cannot tell", reasons=tuple(reasons))


def _describe_power(detectable: Number) -> str:
    """What difference so many groups could have shown, or why none can be stated."""
    if isinstance(detectable, NotMeasured):
        return f"what difference could have shown is not known ({detectable.reason})"
    return f"these groups could have shown a difference of {format_number(detectable, 'score')}"


def _find_fallen(changes: tuple[ChangeEvidence, ...], limits: Limits) -> ChangeEvidence | None:
    """The first harmless change under which the answer loses most of what it had, clear of chance."""
    for change in changes:
        before, after = change.before.value, change.after.value
        if isinstance(before, NotMeasured) or isinstance(after, NotMeasured):
            continue
        is_lost = before - after > limits.lost_share * (before - CHANCE)
        if is_lost and _lies_above(change.lost.low, limits.negligible):
            return change
    return None


def _is_far_behind(evidence: Evidence) -> bool:
    """Whether the answer is nearer to chance than to what the probe reads."""
    says, probe = evidence.says.value, evidence.probe.value
    if isinstance(says, NotMeasured) or isinstance(probe, NotMeasured):
        return False
    return evidence.decodable == "yes" and says - CHANCE < (probe - CHANCE) / 2


def _lies_above(bound: Number, limit: float) -> bool:
    return not isinstance(bound, NotMeasured) and bound > limit


def _lies_below(bound: Number, limit: float) -> bool:
    return not isinstance(bound, NotMeasured) and bound < limit


def _show(estimate: Estimate) -> str:
    return format_estimate(estimate, "score")
