"""What one intervention did, in one sentence from its outcome and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.report.format import format_estimate, format_signed_estimate

if TYPE_CHECKING:
    from vulnscope.records.apply import AppliedFrom
    from vulnscope.records.panel import Said
    from vulnscope.records.steer import Outcome

_EFFECTS = {
    "sensitivity": "told twins apart better, beyond random and shuffled directions",
    "criterion only": "only moved the criterion",
    "nothing shown": "changed nothing beyond chance",
}


def describe_applied(outcome: Outcome, clean: Said, n_groups: int, origin: AppliedFrom | None) -> str:
    """What one intervention did on a whole corpus, and whether its vectors had seen that corpus."""
    seen = " that also fitted its vectors" if origin is not None and origin.is_same_corpus else ""
    parts = [
        f"on {n_groups} groups{seen}: {outcome.name} ({outcome.what}) {_EFFECTS[outcome.effect]}: it shifted margins "
        f"by {format_signed_estimate(outcome.bias_shift)} nats and changed their AUROC by "
        f"{format_signed_estimate(outcome.auroc_change)}",
        f"pair-correct went from {format_estimate(clean.pair_correct, 'rate')} to "
        f"{format_estimate(outcome.pair_correct, 'rate')}, the share called vulnerable from "
        f"{format_estimate(clean.yes_rate, 'rate')} to {format_estimate(outcome.yes_rate, 'rate')}",
    ]
    return "; ".join(parts)
