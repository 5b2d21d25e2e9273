"""Subjects, their sites, and everything that runs them; imported on first use, since torch takes a second."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vulnscope.models.answer.generation import Generation as Generation
    from vulnscope.models.answer.generation import generate as generate
    from vulnscope.models.answer.noise import measure_noise_floor as measure_noise_floor
    from vulnscope.models.answer.scoring import BackOff as BackOff
    from vulnscope.models.answer.scoring import PromptScores as PromptScores
    from vulnscope.models.answer.scoring import score as score
    from vulnscope.models.answer.scoring import score_batch as score_batch
    from vulnscope.models.edit.edits import Condition as Condition
    from vulnscope.models.edit.edits import Edit as Edit
    from vulnscope.models.edit.edits import add as add
    from vulnscope.models.edit.edits import clamp as clamp
    from vulnscope.models.edit.edits import digest_edits as digest_edits
    from vulnscope.models.edit.edits import project_out as project_out
    from vulnscope.models.edit.edits import replace as replace
    from vulnscope.models.edit.edits import scale_component as scale_component
    from vulnscope.models.edit.edits import trace as trace
    from vulnscope.models.edit.edits import when as when
    from vulnscope.models.edit.keys import digest_in_force as digest_in_force
    from vulnscope.models.forward.hooks import Site as Site
    from vulnscope.models.read.activations import Activations as Activations
    from vulnscope.models.read.activations import capture as capture
    from vulnscope.models.read.editing import edited as edited
    from vulnscope.models.read.shards import Shards as Shards
    from vulnscope.models.read.shards import open_capture as open_capture
    from vulnscope.models.read.shards import stream_capture as stream_capture
    from vulnscope.models.read.units import measure_norm_units as measure_norm_units
    from vulnscope.models.subject.adapters import adapted as adapted
    from vulnscope.models.subject.inspection import inspect_subject as inspect_subject
    from vulnscope.models.subject.sites import NormUnit as NormUnit
    from vulnscope.models.subject.subject import Subject as Subject
    from vulnscope.models.subject.subject import open_subject as open_subject
    from vulnscope.models.subject.subject import wrap_model as wrap_model
    from vulnscope.models.sweep.grid import Grid as Grid
    from vulnscope.models.sweep.grid import Point as Point
    from vulnscope.models.sweep.grid import make_grid as make_grid
    from vulnscope.models.sweep.patching import PatchRow as PatchRow
    from vulnscope.models.sweep.patching import patch as patch
    from vulnscope.models.sweep.patching import plan_patch as plan_patch
    from vulnscope.models.sweep.patching import run_patch as run_patch
    from vulnscope.models.sweep.sweeping import SweepRow as SweepRow
    from vulnscope.models.sweep.sweeping import plan_sweep as plan_sweep
    from vulnscope.models.sweep.sweeping import run_sweep as run_sweep
    from vulnscope.models.sweep.sweeping import sweep as sweep
    from vulnscope.models.sweep.sweeping import sweep_coarse_to_fine as sweep_coarse_to_fine
    from vulnscope.models.sweep.work import WorkOptions as WorkOptions
    from vulnscope.models.sweep.work import WorkPlan as WorkPlan
    from vulnscope.models.text.items import Item as Item
    from vulnscope.models.text.items import read_prompt as read_prompt
    from vulnscope.models.text.items import read_text as read_text
    from vulnscope.models.text.plan import BatchPlan as BatchPlan
    from vulnscope.models.text.plan import ScoreRequest as ScoreRequest
    from vulnscope.models.text.plan import plan_batches as plan_batches
    from vulnscope.models.text.selectors import Selector as Selector
    from vulnscope.models.text.selectors import as_selector as as_selector
    from vulnscope.models.text.selectors import characters as characters
    from vulnscope.models.text.selectors import lines as lines
    from vulnscope.models.text.selectors import part as part
    from vulnscope.models.text.selectors import positions as positions

_HOMES = {
    "Activations": "read.activations",
    "BackOff": "answer.scoring",
    "BatchPlan": "text.plan",
    "Condition": "edit.edits",
    "Edit": "edit.edits",
    "Generation": "answer.generation",
    "Grid": "sweep.grid",
    "Item": "text.items",
    "NormUnit": "subject.sites",
    "PatchRow": "sweep.patching",
    "Point": "sweep.grid",
    "PromptScores": "answer.scoring",
    "ScoreRequest": "text.plan",
    "Selector": "text.selectors",
    "Shards": "read.shards",
    "Site": "forward.hooks",
    "Subject": "subject.subject",
    "SweepRow": "sweep.sweeping",
    "WorkOptions": "sweep.work",
    "WorkPlan": "sweep.work",
    "adapted": "subject.adapters",
    "add": "edit.edits",
    "as_selector": "text.selectors",
    "capture": "read.activations",
    "characters": "text.selectors",
    "clamp": "edit.edits",
    "digest_edits": "edit.edits",
    "digest_in_force": "edit.keys",
    "edited": "read.editing",
    "generate": "answer.generation",
    "inspect_subject": "subject.inspection",
    "lines": "text.selectors",
    "make_grid": "sweep.grid",
    "measure_noise_floor": "answer.noise",
    "measure_norm_units": "read.units",
    "open_capture": "read.shards",
    "open_subject": "subject.subject",
    "part": "text.selectors",
    "patch": "sweep.patching",
    "plan_batches": "text.plan",
    "plan_patch": "sweep.patching",
    "plan_sweep": "sweep.sweeping",
    "positions": "text.selectors",
    "project_out": "edit.edits",
    "read_prompt": "text.items",
    "read_text": "text.items",
    "replace": "edit.edits",
    "run_patch": "sweep.patching",
    "run_sweep": "sweep.sweeping",
    "scale_component": "edit.edits",
    "score": "answer.scoring",
    "score_batch": "answer.scoring",
    "stream_capture": "read.shards",
    "sweep": "sweep.sweeping",
    "sweep_coarse_to_fine": "sweep.sweeping",
    "trace": "edit.edits",
    "when": "edit.edits",
    "wrap_model": "subject.subject",
}
__all__ = [
    "Activations",
    "BackOff",
    "BatchPlan",
    "Condition",
    "Edit",
    "Generation",
    "Grid",
    "Item",
    "NormUnit",
    "PatchRow",
    "Point",
    "PromptScores",
    "ScoreRequest",
    "Selector",
    "Shards",
    "Site",
    "Subject",
    "SweepRow",
    "WorkOptions",
    "WorkPlan",
    "adapted",
    "add",
    "as_selector",
    "capture",
    "characters",
    "clamp",
    "digest_edits",
    "digest_in_force",
    "edited",
    "generate",
    "inspect_subject",
    "lines",
    "make_grid",
    "measure_noise_floor",
    "measure_norm_units",
    "open_capture",
    "open_subject",
    "part",
    "patch",
    "plan_batches",
    "plan_patch",
    "plan_sweep",
    "positions",
    "project_out",
    "read_prompt",
    "read_text",
    "replace",
    "run_patch",
    "run_sweep",
    "scale_component",
    "score",
    "score_batch",
    "stream_capture",
    "sweep",
    "sweep_coarse_to_fine",
    "trace",
    "when",
    "wrap_model",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"vulnscope.models.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'vulnscope.models' has no attribute {name!r}")
