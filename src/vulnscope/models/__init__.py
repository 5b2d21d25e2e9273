"""Subjects, their sites, and everything that runs them; imported on first use, since torch takes a second."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vulnscope.models.generation import Generation as Generation
    from vulnscope.models.generation import generate as generate
    from vulnscope.models.inspection import inspect_subject as inspect_subject
    from vulnscope.models.noise import measure_noise_floor as measure_noise_floor
    from vulnscope.models.plan import BatchPlan as BatchPlan
    from vulnscope.models.plan import ScoreRequest as ScoreRequest
    from vulnscope.models.plan import plan_batches as plan_batches
    from vulnscope.models.scoring import BackOff as BackOff
    from vulnscope.models.scoring import PromptScores as PromptScores
    from vulnscope.models.scoring import score as score
    from vulnscope.models.scoring import score_batch as score_batch
    from vulnscope.models.subject import Subject as Subject
    from vulnscope.models.subject import open_subject as open_subject
    from vulnscope.models.subject import wrap_model as wrap_model

_HOMES = {
    "BackOff": "scoring",
    "BatchPlan": "plan",
    "Generation": "generation",
    "PromptScores": "scoring",
    "ScoreRequest": "plan",
    "Subject": "subject",
    "generate": "generation",
    "inspect_subject": "inspection",
    "measure_noise_floor": "noise",
    "open_subject": "subject",
    "plan_batches": "plan",
    "score": "scoring",
    "score_batch": "scoring",
    "wrap_model": "subject",
}
__all__ = [
    "BackOff",
    "BatchPlan",
    "Generation",
    "PromptScores",
    "ScoreRequest",
    "Subject",
    "generate",
    "inspect_subject",
    "measure_noise_floor",
    "open_subject",
    "plan_batches",
    "score",
    "score_batch",
    "wrap_model",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"vulnscope.models.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'vulnscope.models' has no attribute {name!r}")
