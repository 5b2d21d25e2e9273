"""Yes-or-no questions put to a subject on this machine, as batches of the scoring engine.

Back-off of the engine is recorded and repeated on resume, so that a resumed run gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from vulnscope.ask.asking import Inquiry, Plan
from vulnscope.ask.asks import NO_MEMORY, Memory
from vulnscope.ask.scored.preparation import Prepared
from vulnscope.models import BackOff, BatchPlan, PromptScores, ScoreRequest, Subject, plan_batches, score_batch
from vulnscope.records.base import Record
from vulnscope.records.rows import VerdictRow

if TYPE_CHECKING:
    from vulnscope.ask.scored.yes_no import YesNoProtocol
    from vulnscope.corpora import Sample

Scores = tuple[PromptScores, ...]
ScoreStore = Memory[int, ScoreRequest, Scores]


class AskPlan(Plan):
    """Which requests run in which batches, by their number."""

    batches: BatchPlan

    @property
    def n_batches(self) -> int:
        """How many batches there are."""
        return len(self.batches.batches)


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


@dataclass(frozen=True)
class YesNoInquiry(Inquiry[AskPlan, VerdictRow]):
    """The questions of a protocol about prepared samples; `memory` holds scores of earlier runs."""

    subject: Subject
    protocol: YesNoProtocol
    prepared: Prepared
    memory: ScoreStore = field(default=NO_MEMORY)
    max_batch_tokens: int | None = None

    plan_type = AskPlan
    row_type = VerdictRow
    what = "prompts, samples or tokens"

    @property
    def samples(self) -> Sequence[Sample]:
        """The prepared samples."""
        return self.prepared.samples

    def digest(self) -> str:
        """Over the samples and all tokens, answers included."""
        digest = sha256()
        for sample, request in zip(self.prepared.samples, self.prepared.requests.packed, strict=True):
            digest.update(sample.id.encode("utf-8", "surrogatepass"))
            for tokens in (request.shared, *request.tails):
                digest.update(len(tokens).to_bytes(8, "little") + tokens.tobytes())
            digest.update(repr([answers.sequences for answers in request.answers]).encode())
        return digest.hexdigest()[:16]

    def plan(self, digest: str) -> AskPlan:
        """Batches that share prefixes."""
        batches = plan_batches(self.subject, self.prepared.requests, self.max_batch_tokens)
        return AskPlan(requests_digest=digest, batches=batches)

    def ask_batch(
        self, plan: AskPlan, number: int, revisions: Sequence[dict[str, Any]], revise: Callable[[Record], None]
    ) -> list[VerdictRow]:
        """Verdicts from remembered scores, and the model's for the others."""

        def score(requests: Mapping[int, ScoreRequest]) -> dict[int, Scores]:
            parts = _list_parts(len(requests), number, plan.batches.max_tokens, revisions)
            found = score_parts(
                self.subject,
                list(requests.values()),
                parts,
                lambda step: revise(BatchBackOff(batch=number, step=step)),
            )
            scores = dict(zip(requests, found, strict=True))
            self.memory.remember(requests, scores)
            return scores

        prepared = self.prepared
        scores = self.memory.complete({i: prepared.requests[i] for i in plan.batches.batches[number]}, score)
        return [
            self.protocol.read(prepared.samples[i].id, prepared.requests.packed[i], scores[i], prepared.cuts[i])
            for i in plan.batches.batches[number]
        ]


def score_parts(
    subject: Subject, requests: Sequence[ScoreRequest], parts: Sequence[_Part], on_backoff: Callable[[BackOff], None]
) -> list[Scores]:
    """The model's scores, in the parts that earlier back-off left; steps are told by place among `requests`."""

    def record(first: int, step: BackOff) -> None:
        on_backoff(step.model_copy(update={"first": step.first + first, "stop": step.stop + first}))

    scores: list[Scores] = []
    for part in parts:
        scores += score_batch(
            subject,
            requests[part.first : part.stop],
            part.max_tokens,
            on_backoff=lambda step, first=part.first: record(first, step),  # type: ignore[misc]
        )
    return scores


def _list_parts(n_requests: int, number: int, max_tokens: int, revisions: Sequence[dict[str, Any]]) -> list[_Part]:
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
