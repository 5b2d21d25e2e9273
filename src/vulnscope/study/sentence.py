"""The study in one sentence of at most 45 words: the diagnosis, what it stands on, and what closes the gap.

Figures stand without their intervals here; the page has both in the lines below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.records.base import NotMeasured
from vulnscope.report.apart import describe_by_language, name_slice
from vulnscope.report.format import format_number
from vulnscope.study.diagnosis import is_shown_by_pair_rank

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vulnscope.records.audit import AuditRecord
    from vulnscope.records.base import Estimate
    from vulnscope.records.steer import Effect, Outcome, SteerRecord
    from vulnscope.study.record import Evidence, Verdict

_STEERING: Mapping[Effect, tuple[str, str]] = {
    "sensitivity": ("steering tells twins apart better", "steering tells twins apart but ruins ordinary code"),
    "criterion only": ("steering only moves the bias", "steering moves the bias and ruins ordinary code"),
    "not beyond controls": (
        "steering does no more than control directions",
        "steering, no better than controls, ruins ordinary code",
    ),
    "nothing shown": ("steering shows no effect", "steering shows no gain and ruins ordinary code"),
    "cannot be found here": (
        "an effect of steering cannot be found here",
        "steering, its effect undetectable here, ruins ordinary code",
    ),
}
"""What steering does where what else the model does survives, and where it does not."""

MOST_WORDS = 45


def write_sentence(verdict: Verdict, evidence: Evidence, audit: AuditRecord, steer: SteerRecord) -> str:
    """The verdict for the top of the page and of the terminal."""
    overall = audit.overall
    answers = describe_by_language(overall, audit.slices) or (
        f"calls {_rate(overall.yes_rate)} of {audit.corpus.name} vulnerable, gets {_rate(overall.pair_correct)} of "
        "pairs right"
    )
    ranked = (
        f"AUROC: margins {_score(evidence.says)}{_add_to_margins(evidence)}, probe {_score(evidence.probe)}, surface "
        f"rule {_score(evidence.baseline)}"
    )
    best = find_leader(steer)
    # Where the sentence would become long, the lines below it have these as well.
    rest = [_describe_threshold(evidence), *([] if best is None else [_STEERING[best.effect][best.is_ruinous]])]
    parts = [f"{verdict.diagnosis.capitalize()}: {audit.subject.name} {answers}", ranked]
    while rest and len(" ".join((*parts, *rest)).split()) > MOST_WORDS:
        del rest[0]
    return "; ".join((*parts, *rest)) + "."


def _add_to_margins(evidence: Evidence) -> str:
    """What the one AUROC does not show: twins that are told apart, and the slice that is least like the rest."""
    twins = f" but {_rate(evidence.pair_rank)} of twins" if is_shown_by_pair_rank(evidence) else ""
    apart = next((each for each in evidence.apart if each.figure == "says"), None)
    return twins + ("" if apart is None else f", on {name_slice(apart.kind, apart.value)} {_score(apart.own)}")


def find_leader(steer: SteerRecord) -> Outcome | None:
    """What the method that did best on the groups that choose did on the others; None in results that do not name it.

    The one with the largest gain on the others themselves would look better than it is.
    """
    return next((each for each in steer.outcomes if each.kind == "method" and each.name == steer.leader), None)


def _describe_threshold(evidence: Evidence) -> str:
    low = evidence.threshold_gain.low
    if isinstance(low, NotMeasured):
        return "a threshold's gain is not known"
    if low <= 0:
        return "a threshold shows no gain"
    return f"a threshold lifts accuracy from {_rate(evidence.accuracy)} to {_rate(evidence.threshold_accuracy)}"


def _rate(estimate: Estimate) -> str:
    return format_number(estimate.value, "rate")


def _score(estimate: Estimate) -> str:
    return format_number(estimate.value, "score")
