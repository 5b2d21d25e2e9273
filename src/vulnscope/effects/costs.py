"""Side effects of interventions in a run: measured once each, kept as one row, read on resume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from vulnscope.effects.margins import keep_row
from vulnscope.effects.side_effects import CleanSide, Probes, build_probes, measure_clean_side, measure_side_effects
from vulnscope.records.steer import SideEffects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vulnscope.ask.scored.yes_no import YesNoProtocol
    from vulnscope.corpora import Sample
    from vulnscope.models import Edit, Subject
    from vulnscope.store import Run

_N_OFF_TARGET = 64


class SideEffectMaterial(NamedTuple):
    """What side effects are measured on, and how the un-steered subject does there."""

    probes: Probes
    clean_side: CleanSide


def prepare_costs(
    subject: Subject, protocol: YesNoProtocol, samples: Sequence[Sample], ordinary: str | None, seed: int
) -> SideEffectMaterial:
    """Side effects of all interventions are measured on the same texts, those about code on the first of `samples`."""
    probes = build_probes(subject, protocol, samples[:_N_OFF_TARGET], ordinary, seed)
    return SideEffectMaterial(probes, measure_clean_side(subject, probes))


def measure_costs(
    subject: Subject, name: str, edits: Sequence[Edit], material: SideEffectMaterial, run: Run
) -> SideEffects:
    """What the intervention `name` costs elsewhere; what is in `run` already is not measured again."""

    def measure() -> dict[str, Any]:
        return {"found": measure_side_effects(subject, edits, *material).model_dump(mode="json")}

    return SideEffects.model_validate(keep_row(run, f"side effects: {name}", measure)["found"])
