"""Subjects, their sites, and everything that runs them; imported on first use, since torch takes a second."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vulnscope.models.activations import Activations as Activations
    from vulnscope.models.activations import capture as capture
    from vulnscope.models.adapters import adapted as adapted
    from vulnscope.models.editing import edited as edited
    from vulnscope.models.edits import Condition as Condition
    from vulnscope.models.edits import Edit as Edit
    from vulnscope.models.edits import add as add
    from vulnscope.models.edits import clamp as clamp
    from vulnscope.models.edits import digest_edits as digest_edits
    from vulnscope.models.edits import project_out as project_out
    from vulnscope.models.edits import replace as replace
    from vulnscope.models.edits import scale_component as scale_component
    from vulnscope.models.edits import trace as trace
    from vulnscope.models.edits import when as when
    from vulnscope.models.generation import Generation as Generation
    from vulnscope.models.generation import generate as generate
    from vulnscope.models.grid import Grid as Grid
    from vulnscope.models.grid import Point as Point
    from vulnscope.models.grid import make_grid as make_grid
    from vulnscope.models.hooks import Site as Site
    from vulnscope.models.inspection import inspect_subject as inspect_subject
    from vulnscope.models.items import Item as Item
    from vulnscope.models.items import read_prompt as read_prompt
    from vulnscope.models.items import read_text as read_text
    from vulnscope.models.keys import digest_in_force as digest_in_force
    from vulnscope.models.noise import measure_noise_floor as measure_noise_floor
    from vulnscope.models.patching import PatchRow as PatchRow
    from vulnscope.models.patching import patch as patch
    from vulnscope.models.patching import plan_patch as plan_patch
    from vulnscope.models.patching import run_patch as run_patch
    from vulnscope.models.plan import BatchPlan as BatchPlan
    from vulnscope.models.plan import ScoreRequest as ScoreRequest
    from vulnscope.models.plan import plan_batches as plan_batches
    from vulnscope.models.scoring import BackOff as BackOff
    from vulnscope.models.scoring import PromptScores as PromptScores
    from vulnscope.models.scoring import score as score
    from vulnscope.models.scoring import score_batch as score_batch
    from vulnscope.models.selectors import Selector as Selector
    from vulnscope.models.selectors import as_selector as as_selector
    from vulnscope.models.selectors import characters as characters
    from vulnscope.models.selectors import lines as lines
    from vulnscope.models.selectors import part as part
    from vulnscope.models.selectors import positions as positions
    from vulnscope.models.shards import Shards as Shards
    from vulnscope.models.shards import open_capture as open_capture
    from vulnscope.models.shards import stream_capture as stream_capture
    from vulnscope.models.sites import NormUnit as NormUnit
    from vulnscope.models.subject import Subject as Subject
    from vulnscope.models.subject import open_subject as open_subject
    from vulnscope.models.subject import wrap_model as wrap_model
    from vulnscope.models.sweeping import SweepRow as SweepRow
    from vulnscope.models.sweeping import plan_sweep as plan_sweep
    from vulnscope.models.sweeping import run_sweep as run_sweep
    from vulnscope.models.sweeping import sweep as sweep
    from vulnscope.models.sweeping import sweep_coarse_to_fine as sweep_coarse_to_fine
    from vulnscope.models.units import measure_norm_units as measure_norm_units
    from vulnscope.models.work import WorkOptions as WorkOptions
    from vulnscope.models.work import WorkPlan as WorkPlan

_HOMES = {
    "Activations": "activations",
    "BackOff": "scoring",
    "BatchPlan": "plan",
    "Condition": "edits",
    "Edit": "edits",
    "Generation": "generation",
    "Grid": "grid",
    "Item": "items",
    "NormUnit": "sites",
    "PatchRow": "patching",
    "Point": "grid",
    "PromptScores": "scoring",
    "ScoreRequest": "plan",
    "Selector": "selectors",
    "Shards": "shards",
    "Site": "hooks",
    "Subject": "subject",
    "SweepRow": "sweeping",
    "WorkOptions": "work",
    "WorkPlan": "work",
    "adapted": "adapters",
    "add": "edits",
    "as_selector": "selectors",
    "capture": "activations",
    "characters": "selectors",
    "clamp": "edits",
    "digest_edits": "edits",
    "digest_in_force": "keys",
    "edited": "editing",
    "generate": "generation",
    "inspect_subject": "inspection",
    "lines": "selectors",
    "make_grid": "grid",
    "measure_noise_floor": "noise",
    "measure_norm_units": "units",
    "open_capture": "shards",
    "open_subject": "subject",
    "part": "selectors",
    "patch": "patching",
    "plan_batches": "plan",
    "plan_patch": "patching",
    "plan_sweep": "sweeping",
    "positions": "selectors",
    "project_out": "edits",
    "read_prompt": "items",
    "read_text": "items",
    "replace": "edits",
    "run_patch": "patching",
    "run_sweep": "sweeping",
    "scale_component": "edits",
    "score": "scoring",
    "score_batch": "scoring",
    "stream_capture": "shards",
    "sweep": "sweeping",
    "sweep_coarse_to_fine": "sweeping",
    "trace": "edits",
    "when": "edits",
    "wrap_model": "subject",
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
