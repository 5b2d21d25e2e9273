"""Asking: a plan over all requests, answers from the cache or the model, rows appended batch by batch.

The plan is stored before the first row and repeated on resume, back-off included, so a resumed run gives the same
bytes. One `append` per batch of the plan: a batch is on the disk whole or is redone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from vulnscope.ask.memory import ScoreMemory, Scores
from vulnscope.ask.scored.preparation import AskProtocol, Prepared
from vulnscope.errors import RunError
from vulnscope.models import BackOff, BatchPlan, ScoreRequest, Subject, plan_batches, score_batch
from vulnscope.records.base import Record
from vulnscope.records.rows import VerdictRow

if TYPE_CHECKING:
    from vulnscope.store import AnswerCache, Run

Progress = Callable[[int, int], None]


class AskPlan(Record):
    """What a run stores before its first row: which requests, in which batches."""

    requests_digest: str
    batches: BatchPlan


class BatchBackOff(Record):
    """A back-off step of one batch of the plan."""

    batch: int
    step: BackOff


@dataclass(frozen=True)
class _Part:
    """Requests `first` to before `stop` of a batch, in one call of at most `max_tokens`."""

    first: int
    stop: int
    max_tokens: int


def ask(
    subject: Subject,
    protocol: AskProtocol,
    prepared: Prepared,
    run: Run,
    *,
    cache: AnswerCache | None = None,
    intervention: str = "none",
    max_batch_tokens: int | None = None,
    progress: Progress | None = None,
) -> tuple[VerdictRow, ...]:
    """One row per prepared sample, in their order; rows that `run` holds already are not asked again.

    `progress` receives (rows done, rows in all) before each batch and at the end. Raises `RunError` where `run` was
    begun with other requests.
    """
    plan = _agree_on_plan(subject, prepared, run, max_batch_tokens)
    memory = None if cache is None else ScoreMemory(cache, subject)
    n_done, n_rows = run.n_rows, len(prepared.samples)
    for number, batch in list(enumerate(plan.batches))[run.n_batches :]:
        if progress is not None:
            progress(n_done, n_rows)
        scores = _answer(subject, prepared, run, plan, number, memory)
        run.append(
            protocol.read(
                prepared.samples[i].id, prepared.requests.packed[i], scores[i], prepared.cuts[i], intervention
            )
            for i in batch
        )
        n_done += len(batch)
    if progress is not None:
        progress(n_rows, n_rows)
    rows = {row["sample"]: VerdictRow.model_validate(row) for row in run.iter_rows()}
    return tuple(rows[sample.id] for sample in prepared.samples)


def _agree_on_plan(subject: Subject, prepared: Prepared, run: Run, max_batch_tokens: int | None) -> BatchPlan:
    """The plan that `run` holds, or a new one, stored."""
    digest = _digest(prepared)
    if run.plan is None:
        plan = AskPlan(requests_digest=digest, batches=plan_batches(subject, prepared.requests, max_batch_tokens))
        run.save_plan(plan)
        return plan.batches
    stored = AskPlan.model_validate(run.plan)
    if stored.requests_digest != digest:
        raise RunError(
            f"run {run.id} was begun with other prompts, samples or tokens than these; "
            "restore what changed, or start a new run without --resume"
        )
    return stored.batches


def _digest(prepared: Prepared) -> str:
    digest = sha256()
    for sample, request in zip(prepared.samples, prepared.requests.packed, strict=True):
        digest.update(sample.id.encode("utf-8", "surrogatepass"))
        for tokens in (request.shared, *request.tails):
            digest.update(len(tokens).to_bytes(8, "little") + tokens.tobytes())
        digest.update(repr([answers.sequences for answers in request.answers]).encode())
    return digest.hexdigest()[:16]


def _answer(
    subject: Subject, prepared: Prepared, run: Run, plan: BatchPlan, number: int, memory: ScoreMemory | None
) -> dict[int, Scores]:
    """Scores of one batch by request index: remembered ones, and the model's for the others."""
    requests = {i: prepared.requests[i] for i in plan.batches[number]}
    if memory is None:
        return _score(subject, requests, run, plan, number)
    remembered = memory.recall(requests)
    asked = _score(subject, {i: r for i, r in requests.items() if i not in remembered}, run, plan, number)
    memory.remember(requests, asked)
    return {**remembered, **asked}


def _score(
    subject: Subject, requests: dict[int, ScoreRequest], run: Run, plan: BatchPlan, number: int
) -> dict[int, Scores]:
    """The model's scores, in the parts that earlier back-off left."""

    def record(first: int, step: BackOff) -> None:
        shifted = step.model_copy(update={"first": step.first + first, "stop": step.stop + first})
        run.revise_plan(BatchBackOff(batch=number, step=shifted))

    indices = list(requests)
    scores: list[Scores] = []
    for part in _parts(len(indices), number, plan.max_tokens, run.plan_revisions):
        chosen = [requests[i] for i in indices[part.first : part.stop]]
        scores += score_batch(
            subject,
            chosen,
            part.max_tokens,
            on_backoff=lambda step, first=part.first: record(first, step),  # type: ignore[misc]
        )
    return dict(zip(indices, scores, strict=True))


def _parts(n_requests: int, number: int, max_tokens: int, revisions: Sequence[dict[str, Any]]) -> list[_Part]:
    """How batch `number` runs: smaller calls after any back-off before it, and its own recorded steps repeated."""
    steps = [BatchBackOff.model_validate(revision) for revision in revisions]
    limit = min([max_tokens, *(each.step.max_tokens for each in steps if each.batch < number)])
    parts = [_Part(0, n_requests, limit)] if n_requests else []
    for step in [each.step for each in steps if each.batch == number]:
        parts = [smaller for part in parts for smaller in _apply(part, step)]
    return parts


def _apply(part: _Part, step: BackOff) -> list[_Part]:
    if (part.first, part.stop) != (step.first, step.stop):
        return [part]
    if step.size is None:
        return [_Part(part.first, part.stop, step.max_tokens)]
    middle = step.first + step.size
    return [_Part(step.first, middle, step.max_tokens), _Part(middle, step.stop, step.max_tokens)]
