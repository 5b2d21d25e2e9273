"""How each part of an intervention is applied: edits and adapters as blocks, prompts and thresholds as functions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import torch

from vulnscope.errors import InputError
from vulnscope.interventions.spec import EditSpec, Gate, Intervention
from vulnscope.interventions.vectors import Vectors
from vulnscope.models.edit.edits import Condition, Edit, Unit, add, clamp, project_out, replace, scale_component, when
from vulnscope.models.read.editing import edited
from vulnscope.models.subject.adapters import adapted
from vulnscope.models.subject.files import digest_files, resolve_folder

if TYPE_CHECKING:
    from vulnscope.models.subject.subject import Subject
    from vulnscope.prompts import PromptSet


@contextmanager
def under_intervention(
    subject: Subject, intervention: Intervention, vectors: Vectors | None = None, *, is_forced: bool = False
) -> Iterator[Subject]:
    """The subject under the adapter and the edits of `intervention`; afterwards it is as before, whatever happened.

    Ask the subject that is yielded: its digest covers the adapter, and the answer cache sees the edits in force.
    Vectors of another subject are refused unless forced. Prompts and threshold are not the subject's: ask with
    `intervention.prompts`, and count margins from `intervention.threshold_nats`.
    """
    edits = resolve_edits(intervention, vectors)
    if vectors is not None and edits:
        vectors.check_subject(subject, is_forced=is_forced)
    with ExitStack() as stack:
        changed = subject
        if intervention.adapter is not None:
            _check_adapter(intervention)
            changed = stack.enter_context(adapted(subject, intervention.adapter))
        if edits:
            stack.enter_context(edited(changed, edits))
        yield changed


def resolve_edits(intervention: Intervention, vectors: Vectors | None) -> tuple[Edit, ...]:
    """The edits with their numbers in place; raises `InputError` where `vectors` are not those meant."""
    if not intervention.edits:
        return ()
    if vectors is None:
        raise InputError(f"intervention {intervention.name!r} has edits; give the vectors they name")
    found = vectors.digest()
    if found != intervention.vectors_digest:
        raise InputError(
            f"intervention {intervention.name!r} was made with vectors of digest {intervention.vectors_digest}; these "
            f"have {found}"
        )
    return tuple(_resolve(spec, vectors) for spec in intervention.edits)


def add_preface(prompts: PromptSet, text: str) -> PromptSet:
    """The prompts with `text` on a line of its own before each question.

    Behind the code, so that all prompts about one sample still share it.
    """
    fixed = text.replace("{", "{{").replace("}", "}}")
    changed = {
        name: getattr(prompts, name).replace("{question}", f"{fixed}\n{{question}}") for name in ("plain", "chat")
    }
    return prompts.model_validate({**prompts.model_dump(), **changed})


def digest_adapter(adapter: str) -> str:
    """Digest of the files of an adapter, a folder or Hub id."""
    return digest_files(resolve_folder(adapter, None, False, kind="adapter").path)


def _check_adapter(intervention: Intervention) -> None:
    assert intervention.adapter is not None
    found = digest_adapter(intervention.adapter)
    if found != intervention.adapter_digest:
        raise InputError(
            f"intervention {intervention.name!r} was made with adapter files of digest "
            f"{intervention.adapter_digest}; {intervention.adapter} now has {found}"
        )


def _resolve_condition(read: Gate | None, vectors: Vectors) -> Condition | None:
    if read is None:
        return None
    return when(read.site, vectors[read.direction], read.threshold, read.selector, is_above=read.is_above)


def _unit(spec: EditSpec, vectors: Vectors) -> Unit:
    if spec.unit == "raw":
        return "raw"
    unit = vectors.origin.sites[spec.vectors[0]].unit
    if unit is None or unit.site != spec.site:
        raise InputError(
            f"vector {spec.vectors[0]!r} has no norm unit of {spec.site}, in which the edit there counts: measure it "
            "on the fit split with measure_norm_units, or write unit='raw'"
        )
    return unit


def _resolve(spec: EditSpec, vectors: Vectors) -> Edit:
    given = [vectors[name] for name in spec.vectors]
    condition = _resolve_condition(spec.condition, vectors)
    match spec.operation:
        case "add":
            unit = _unit(spec, vectors)
            return add(
                spec.site, given[0], spec.scale, spec.selector, unit=unit, keep_norm=spec.keep_norm, condition=condition
            )
        case "clamp":
            unit = _unit(spec, vectors)
            return clamp(spec.site, given[0], spec.scale, spec.selector, unit=unit, condition=condition)
        case "scale-component":
            return scale_component(spec.site, given[0], spec.scale, spec.selector, condition=condition)
        case "project-out":
            return project_out(spec.site, torch.stack(given), spec.selector, condition=condition)
        case "replace":
            return replace(spec.site, given[0], spec.selector, condition=condition)
