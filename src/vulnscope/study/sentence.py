"""The study in one sentence: the diagnosis, and the three figures it stands on."""

from __future__ import annotations

from vulnscope.records.audit import AuditRecord
from vulnscope.records.base import Estimate
from vulnscope.records.steer import Effect, Outcome, SteerRecord
from vulnscope.report.format import format_change, format_change_interval, format_estimate
from vulnscope.study.record import Evidence, Verdict

_HOW: dict[Effect, str] = {
    "sensitivity": "and tells twins apart better",
    "criterion only": "but only moves the criterion",
    "nothing shown": "but shows no effect beyond chance",
}


def write_sentence(verdict: Verdict, evidence: Evidence, audit: AuditRecord, steer: SteerRecord) -> str:
    """The verdict for the top of the page and of the terminal."""
    overall = audit.overall
    parts = [
        f"{verdict.diagnosis.capitalize()}: {audit.subject.name} calls {_rate(overall.yes_rate)} of all "
        f"{audit.corpus.name} samples vulnerable and gets {_rate(overall.pair_correct)} of pairs right",
        f"its margins rank {_rate(evidence.says)} of vulnerable above fixed samples, a probe "
        f"{_rate(evidence.probe)}, the best surface rule ({evidence.baseline_name}) {_rate(evidence.baseline)}",
        f"a threshold alone moves balanced accuracy from {_rate(evidence.accuracy)} to "
        f"{_rate(evidence.threshold_accuracy)}",
    ]
    best = find_leader(steer)
    if best is not None:
        parts.append(
            f"the steering that did best on other groups ({best.name}) changes pairs right by "
            f"{_points(best)}, {_HOW[best.effect]}"
        )
    return "; ".join(parts) + "."


def find_leader(steer: SteerRecord) -> Outcome | None:
    """What the method that did best on the groups that choose did on the others; None in results that do not name it.

    The one with the largest gain on the others themselves would look better than it is.
    """
    return next((each for each in steer.outcomes if each.kind == "method" and each.name == steer.leader), None)


def _rate(estimate: Estimate) -> str:
    return format_estimate(estimate, "rate")


def _points(outcome: Outcome) -> str:
    change = outcome.pair_correct_change
    return f"{format_change(change.value, 'rate')} points {format_change_interval(change, 'rate')}".rstrip()
