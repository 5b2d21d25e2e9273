"""What one intervention did, in one sentence from its outcome and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.report.format import format_number, format_signed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vulnscope.records.apply import AppliedFrom
    from vulnscope.records.base import Estimate
    from vulnscope.records.panel import Said
    from vulnscope.records.steer import Effect, Outcome

_EFFECTS: Mapping[Effect, str] = {
    "sensitivity": "tells twins apart better, beyond random and shuffled directions",
    "criterion only": "only moves the criterion",
    "not beyond controls": "moves margins, but no further than control directions",
    "nothing shown": "changes nothing beyond chance",
    "cannot be found here": "has effects that cannot be found here, with so few groups",
}


def describe_applied(outcome: Outcome, clean: Said, n_groups: int, origin: AppliedFrom | None) -> str:
    """What one intervention did on a whole corpus, and whether its vectors had seen that corpus."""
    seen = " that also fitted its vectors" if origin is not None and origin.is_same_corpus else ""
    parts = [
        f"on {n_groups} groups{seen}, {outcome.name} {_EFFECTS[outcome.effect]}",
        f"margins {format_signed(outcome.bias_shift.value)} nats, AUROC {format_signed(outcome.auroc_change.value)}",
        f"pairs right {_rate(clean.pair_correct)}, with it {_rate(outcome.pair_correct)}",
    ]
    if outcome.is_ruinous:
        parts.append("it ruins ordinary code")
    return "; ".join(parts)


def _rate(estimate: Estimate) -> str:
    return format_number(estimate.value, "rate")
