"""One of seven diagnoses from the evidence, as MEASURES defines them; whatever is not established is `cannot tell`.

*Blind* is a claim of equivalence: the upper bounds of (probe - surface rule chosen on other folds), of (says - 1/2) and
of (pair-rank - 1/2) must lie below a negligible difference. All others rest on intervals that exclude their opposite.
What margins rank is held against its control: the same with the size of the code taken out. Diagnoses are weighed in
the order below, the first that is established stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.records.base import Estimate, NotMeasured, Number
from vulnscope.report.apart import name_slice
from vulnscope.report.format import format_estimate, format_number, format_p
from vulnscope.study.config import Limits
from vulnscope.study.record import ChangeEvidence, Evidence, SliceApart, Verdict

if TYPE_CHECKING:
    from vulnscope.report.apart import name_slice
from vulnscope.report.format import Scale

CHANCE = 0.5


def diagnose(evidence: Evidence, limits: Limits = Limits()) -> Verdict:  # noqa: B008  # frozen
    """The diagnosis that the evidence establishes."""
    found = next(verdict for weigh in _ORDER if (verdict := weigh(evidence, limits)) is not None)
    # The surest CWE and language of each figure; the page lists all.
    surest = {(each.figure, each.kind): each for each in reversed(evidence.apart)}
    apart = [_describe_apart(each) for each in evidence.apart if each in surest.values()]
    return found.model_copy(update={"reasons": (*found.reasons, *apart)})


def _weigh_wrong_reason(evidence: Evidence, limits: Limits) -> Verdict | None:
    """Answers that rank samples until a change that keeps every label, or until size is held constant."""
    if not _lies_above(evidence.says.low, CHANCE):
        return None
    ranks = f"its answers rank samples ({_show(evidence.says)})"
    if fallen := _find_fallen(evidence.changes, limits):
        shown = f"{_show(fallen.before)} to {_show(fallen.after)}"
        reason = f"{ranks}, but lose that under {fallen.kind} ({shown}), which keeps every label"
    elif _is_size(evidence, limits):
        reason = f"{ranks}, but only by the size of the code: without it {_show(evidence.says_given_surface)}"
    else:
        return None
    return Verdict(diagnosis="says it for the wrong reason", reasons=(reason,))


def _weigh_opposite(evidence: Evidence, limits: Limits) -> Verdict | None:
    """The same test as of `says it`, reversed, of what is more than negligible in samples or in twins."""
    below = (evidence.says.high, evidence.says_given_surface.high)
    if not all(_lies_below(high, CHANCE) for high in below) or _find_fallen(evidence.changes, limits, sign=-1.0):
        return None
    at_least = CHANCE - limits.negligible
    if not (_lies_below(evidence.says.value, at_least) or _lies_below(evidence.pair_rank.high, at_least)):
        return None
    reason = (
        f"its answers rank samples the wrong way round: {_show(evidence.says)}, "
        f"{_show(evidence.says_given_surface)} without the size of the code"
    )
    return Verdict(diagnosis="answers the opposite", reasons=(*_show_known(evidence), reason))


def _weigh_says(evidence: Evidence, limits: Limits) -> Verdict | None:
    """Answers that rank samples, also without the size of the code, and not far behind the probe."""
    above = (evidence.says.low, evidence.says_given_surface.low)
    if not all(_lies_above(low, CHANCE) for low in above) or _is_far_behind(evidence):
        return None
    reasons = [
        *_show_known(evidence),
        f"its answers rank samples: {_show(evidence.says)}, {_show(evidence.says_given_surface)} without the size "
        f"of the code{_show_pair_rank(evidence, limits)}",
    ]
    if evidence.decodable == "yes" and _lies_above(evidence.threshold_gain.low, limits.bias_gain):
        reasons.append(
            f"a threshold lifts balanced accuracy from {_show(evidence.accuracy)} "
            f"to {_show(evidence.threshold_accuracy)}"
        )
        return Verdict(diagnosis="knows, says it with a bias", reasons=tuple(reasons))
    if not _lies_above(evidence.accuracy.low, CHANCE):
        return None
    reasons.append(f"balanced accuracy {_show(evidence.accuracy)}; a threshold adds {_show(evidence.threshold_gain)}")
    return Verdict(diagnosis="says it", reasons=tuple(reasons))


def _weigh_mute(evidence: Evidence, limits: Limits) -> Verdict | None:
    """A probe that reads what the answers do not show."""
    if evidence.decodable != "yes" or not _lies_above(evidence.gap.low, 0.0) or not _is_far_behind(evidence):
        return None
    reason = (
        f"its answers do not show it: {_show(evidence.says)}, gap {_show(evidence.gap)}"
        f"{_show_pair_rank(evidence, limits)}"
    )
    return Verdict(diagnosis="knows, does not say it", reasons=(*_show_known(evidence), reason))


def _weigh_blind(evidence: Evidence, limits: Limits) -> Verdict | None:
    """Nothing is read, nothing is said, and both could have been seen."""
    at_most = CHANCE + limits.negligible
    if not (
        _lies_below(evidence.over_baseline.high, limits.negligible)
        and _lies_below(evidence.says.high, at_most)
        and _lies_below(evidence.pair_rank.high, at_most)
    ):
        return None
    reason = (
        f"neither a probe (over the best surface rule: {_show(evidence.over_baseline)}) nor its answers "
        f"({_show(evidence.says)}; of twins {_show(evidence.pair_rank)}) tell vulnerable from fixed code"
    )
    return Verdict(diagnosis="blind", reasons=(reason,))


def _give_up(evidence: Evidence, limits: Limits) -> Verdict:
    reason = (
        f"nothing is established: says {_show(evidence.says)}, {_show(evidence.says_given_surface)} without the size "
        f"of the code{_show_pair_rank(evidence, limits)}; probe over surface {_show(evidence.over_baseline)}; "
        f"{_describe_power(evidence.detectable)}"
    )
    return Verdict(diagnosis="cannot tell", reasons=(reason,))


_ORDER = (_weigh_wrong_reason, _weigh_opposite, _weigh_says, _weigh_mute, _weigh_blind, _give_up)


def is_shown_by_pair_rank(evidence: Evidence, limits: Limits = Limits()) -> bool:  # noqa: B008  # frozen
    """Whether twins are told apart by what nearly vanishes between samples of different groups."""
    says = evidence.says.value
    is_small = not isinstance(says, NotMeasured) and says < CHANCE + limits.negligible
    return is_small and _lies_above(evidence.pair_rank.low, CHANCE + limits.negligible)


def _show_known(evidence: Evidence) -> tuple[str, ...]:
    if evidence.decodable != "yes":
        return ()
    return (
        f"decodable: a probe reads {_show(evidence.probe)}, "
        f"the best surface rule ({evidence.baseline_name}) {_show(evidence.baseline)}",
    )


def _show_pair_rank(evidence: Evidence, limits: Limits) -> str:
    return f", but of twins {_show(evidence.pair_rank)}" if is_shown_by_pair_rank(evidence, limits) else ""


def _describe_apart(apart: SliceApart) -> str:
    what = "calls vulnerable" if apart.figure == "yes-rate" else "ranks"
    scale: Scale = "rate" if apart.figure == "yes-rate" else "score"
    own, overall = (format_estimate(each, scale) for each in (apart.own, apart.overall))
    name = name_slice(apart.kind, apart.value)
    return f"{name} is not like the rest: it {what} {own} there, {overall} over all (p {format_p(apart.p)})"


def _describe_power(detectable: Number) -> str:
    """What difference so many groups could have shown, or why none can be stated."""
    if isinstance(detectable, NotMeasured):
        return f"what difference could have shown is not known ({detectable.reason})"
    return f"these groups could have shown a difference of {format_number(detectable, 'score')}"


def _is_size(evidence: Evidence, limits: Limits) -> bool:
    """Whether little is left, and most of what there was is lost, once the size of the code is taken out."""
    before, after = evidence.says.value, evidence.says_given_surface.value
    if isinstance(before, NotMeasured) or isinstance(after, NotMeasured):
        return False
    is_lost = before - after > limits.lost_share * (before - CHANCE)
    return is_lost and _lies_below(evidence.says_given_surface.high, CHANCE + limits.negligible)


def _find_fallen(changes: tuple[ChangeEvidence, ...], limits: Limits, sign: float = 1.0) -> ChangeEvidence | None:
    """The first harmless change under which the answer loses most of what it had, clear of chance.

    `sign` is -1 for answers that rank the wrong way round.
    """
    for change in changes:
        before, after = change.before.value, change.after.value
        if isinstance(before, NotMeasured) or isinstance(after, NotMeasured):
            continue
        is_lost = sign * (before - after) > limits.lost_share * sign * (before - CHANCE)
        if is_lost and _is_clear(change.lost, limits.negligible, sign):
            return change
    return None


def _is_clear(lost: Estimate, limit: float, sign: float) -> bool:
    return _lies_above(lost.low, limit) if sign > 0 else _lies_below(lost.high, -limit)


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
