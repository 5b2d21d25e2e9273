"""Interventions in words, and which way they push, as tables and sentences say it."""

from __future__ import annotations

from collections.abc import Sequence

from vulnscope.interventions.spec import EditSpec, Intervention
from vulnscope.models.edit.traits import TRAITS, OperationName


def describe_how(operation: OperationName, scale: float, unit: str) -> str:
    """The operation and how far it goes."""
    traits = TRAITS[operation]
    counted = " norm units" if unit == "norm" and traits.counts_in_units else ""
    return traits.words or f"{operation} {scale:g}{counted}".replace(" -", " −")


def describe_edits(specs: Sequence[EditSpec]) -> str:
    """Where and how; many edits as their number and sites."""
    if len(specs) > 3:
        return f"{len(specs)} edits at {', '.join(dict.fromkeys(spec.site for spec in specs))}"
    return "; ".join(_describe(spec) for spec in specs)


def describe_intervention(intervention: Intervention) -> str:
    """All that it changes; empty where it changes nothing."""
    parts = []
    if intervention.edits:
        parts.append(describe_edits(intervention.edits))
    if intervention.adapter is not None:
        parts.append(f"adapter {intervention.adapter}")
    if intervention.prompts is not None:
        parts.append("its own prompts")
    if intervention.threshold_nats is not None:
        parts.append(describe_threshold(intervention.threshold_nats))
    return "; ".join(parts)


def describe_threshold(nats: float) -> str:
    """Where the verdict turns."""
    return f"vulnerable above {nats:+.2f} nats".replace("-", "−")


def sign_of(specs: Sequence[EditSpec]) -> float:
    """The sign of all scales: > 0 pushes towards vulnerable; 0 where they differ or there is none."""
    if not specs or not all(TRAITS[spec.operation].is_signed for spec in specs):
        return 0.0
    signs = {(spec.scale > 0) - (spec.scale < 0) for spec in specs}
    return float(signs.pop()) if len(signs) == 1 else 0.0


def _describe(spec: EditSpec) -> str:
    gate = ""
    if spec.condition is not None:
        side = "above" if spec.condition.is_above else "below"
        gate = f", where its read-out is {side} {spec.condition.threshold:.2f}".replace(" -", " −")
    return f"{spec.site}, {spec.selector}: {describe_how(spec.operation, spec.scale, spec.unit)}{gate}"
