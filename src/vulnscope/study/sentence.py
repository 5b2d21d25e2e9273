"""The study in one sentence: the diagnosis, and the three figures it stands on."""

from __future__ import annotations

from vulnscope.records.audit import AuditRecord
from vulnscope.records.base import Estimate, NotMeasured
from vulnscope.records.steer import Outcome, SteerRecord
from vulnscope.records.study import Evidence, Verdict


def write_sentence(verdict: Verdict, evidence: Evidence, audit: AuditRecord, steer: SteerRecord) -> str:
    """The verdict for the top of the page and of the terminal."""
    overall = audit.overall
    parts = [
        f"{verdict.diagnosis.capitalize()}: {audit.subject.name} calls {_percent(overall.yes_rate)} of all "
        f"{audit.corpus.name} samples vulnerable and gets {_percent(overall.pair_correct)} of pairs right",
        f"its margins rank {_percent(evidence.says)} of vulnerable above fixed samples, a probe "
        f"{_percent(evidence.probe)}, the best surface rule ({evidence.baseline_name}) {_percent(evidence.baseline)}",
        f"a threshold alone moves balanced accuracy from {_percent(evidence.accuracy)} to "
        f"{_percent(evidence.threshold_accuracy)}",
    ]
    best = find_best(steer)
    if best is not None:
        parts.append(f"the best steering ({best.name}) changes pairs right by {_points(best.pair_correct_change)}")
    return "; ".join(parts) + "."


def find_best(steer: SteerRecord) -> Outcome | None:
    """The steering with the largest gain in pairs right; thresholds and prompts are not steering."""
    best, most = None, -1.0
    for outcome in steer.outcomes:
        change = outcome.pair_correct_change.value
        if outcome.kind not in ("threshold", "prompt") and not isinstance(change, NotMeasured) and change > most:
            best, most = outcome, change
    return best


def _percent(estimate: Estimate) -> str:
    return _show(estimate, "")


def _points(estimate: Estimate) -> str:
    return _show(estimate, "+")


def _show(estimate: Estimate, sign: str) -> str:
    if isinstance(estimate.value, NotMeasured):
        return f"not measured ({estimate.value.reason})"
    value = f"{estimate.value:{sign}.0%}"
    if isinstance(estimate.low, NotMeasured) or isinstance(estimate.high, NotMeasured):
        return value
    return f"{value} [{100 * estimate.low:.0f}, {100 * estimate.high:.0f}]"
