"""How far a margin moves when nothing but the batch plan changes: the floor below which no effect is real."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vulnscope.models.answer.scoring import PromptScores, score_batch
from vulnscope.models.text.plan import ScoreRequest, plan_batches
from vulnscope.records.base import NotMeasured, Number

if TYPE_CHECKING:
    from vulnscope.models.subject.subject import Subject

_N_REQUESTS = 8


def measure_noise_floor(subject: Subject, requests: Sequence[ScoreRequest]) -> Number:
    """Largest change (nats) of any difference between two answers' log-probabilities, planned batches against singles.

    A log-odds of two groups of answers cannot change by more than this. Taken over the shortest few of `requests`.
    """
    chosen = sorted(requests, key=lambda request: len(request.prompts[0]))[:_N_REQUESTS]
    if len(chosen) < 2:
        return NotMeasured(reason="the noise floor needs at least two samples")
    plan = plan_batches(subject, chosen)
    together: dict[int, tuple[PromptScores, ...]] = {}
    for batch in plan.batches:
        together.update(zip(batch, score_batch(subject, [chosen[i] for i in batch], plan.max_tokens), strict=True))
    return max(
        _spread(ours, single)
        for index, request in enumerate(chosen)
        for ours, single in zip(together[index], score_batch(subject, [request], plan.max_tokens)[0], strict=True)
    )


def _spread(left: PromptScores, right: PromptScores) -> float:
    changes = [a - b for a, b in zip(left.log_probs, right.log_probs, strict=True)]
    return max(changes) - min(changes)
