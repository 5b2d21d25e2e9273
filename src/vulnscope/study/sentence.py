"""The study in one sentence: the diagnosis, and the three figures it stands on."""

from __future__ import annotations

from vulnscope.records.audit import AuditRecord
from vulnscope.records.base import Estimate, NotMeasured
from vulnscope.records.steer import Effect, Outcome, SteerRecord
from vulnscope.report.format import format_change, format_change_interval, format_estimate
from vulnscope.steer.sentence import STEERING
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
    best = find_best(steer)
    if best is not None:
        parts.append(f"the best steering ({best.name}) changes pairs right by {_points(best)}, {_HOW[best.effect]}")
    return "; ".join(parts) + "."


def find_best(steer: SteerRecord) -> Outcome | None:
    """The steering with the largest gain in pairs right; thresholds and prompts are not steering."""
    best, most = None, -1.0
    for outcome in steer.outcomes:
        change = outcome.pair_correct_change.value
        if outcome.kind in STEERING and not isinstance(change, NotMeasured) and change > most:
            best, most = outcome, change
    return best


def _rate(estimate: Estimate) -> str:
    return format_estimate(estimate, "rate")


def _points(outcome: Outcome) -> str:
    change = outcome.pair_correct_change
    return f"{format_change(change.value, 'rate')} points {format_change_interval(change, 'rate')}".rstrip()
