"""Which units of work run together, fixed from the full request list so that a resumed run repeats it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field

from vulnscope.models.calls import Limits
from vulnscope.models.costs import costs_of
from vulnscope.models.memory import free_bytes, measure_footprint
from vulnscope.models.prefix import Tokens, common_prefix, count_distinct
from vulnscope.models.selfcheck import RIGHT_PADDING
from vulnscope.records.base import Record

if TYPE_CHECKING:
    from vulnscope.models.subject import Subject

# Larger calls gain nothing: a CPU's caches are full, a GPU's units busy.
_MOST_TOKENS = {"cpu": 4096, "cuda": 65536}
_FEWEST_TOKENS = 128
_MEMORY_SHARE = 0.4
# Distinct tokens of a batch, in full calls: their keys and values stay until the batch ends.
_CALLS_PER_BATCH = 4
# A batch is what a kill loses; on slow machines it is kept to about this much work.
_BATCH_SECONDS = 15.0
_LOGITS_BYTES = {"cpu": 256 << 20, "cuda": 2 << 30}
# Tokens shared by two requests from which on they belong into one batch.
_FAMILY_TOKENS = 24


@dataclass(frozen=True)
class ScoreRequest:
    """One unit of work, such as a sample: several prompts, and for each prompt its answers, all as token ids."""

    prompts: tuple[Tokens, ...]
    answers: tuple[tuple[Tokens, ...], ...]

    def sequences(self) -> list[Tokens]:
        """What the model must read: each prompt, and each prompt with its answers but for their last token."""
        return [
            prompt + answer[:-1]
            for prompt, answers in zip(self.prompts, self.answers, strict=True)
            for answer in ((0,), *answers)
        ]


class BatchPlan(Record):
    """Batches of request indices, in the order they run."""

    batches: tuple[tuple[int, ...], ...]
    max_tokens: int = Field(ge=1, description="padded tokens one forward call may hold")
    n_tokens: int = Field(description="tokens of all prompts and answers, each counted alone")
    n_distinct_tokens: int = Field(description="tokens left when shared prefixes are counted once per batch")

    def split(self, batch: int, size: int) -> BatchPlan:
        """The plan with batch number `batch` cut after `size` requests: how a back-off is made to last."""
        whole = self.batches[batch]
        parts = (whole[:size], whole[size:])
        return self.model_copy(update={"batches": (*self.batches[:batch], *parts, *self.batches[batch + 1 :])})


def plan_batches(subject: Subject, requests: Sequence[ScoreRequest], max_tokens: int | None = None) -> BatchPlan:
    """The batches of `requests`: relatives (a long common prefix) together, similar lengths together.

    Depends only on the requests and `max_tokens` (padded tokens per call, from free memory by default).
    """
    limit = max_tokens or default_max_tokens(subject)
    capacity = min(_CALLS_PER_BATCH * limit, max(limit // 4, int(_BATCH_SECONDS / costs_of(subject).token_seconds)))
    batches: list[list[int]] = []
    room = 0
    for family in _ordered_families(requests):
        size = count_distinct([tokens for index in family for tokens in requests[index].sequences()])
        parts = [family] if size <= capacity else [[index] for index in family]
        for part in parts:
            size = count_distinct([tokens for index in part for tokens in requests[index].sequences()])
            if size > room:
                batches.append([])
                room = capacity
            batches[-1].extend(part)
            room -= size
    n_distinct = sum(count_distinct([t for i in batch for t in requests[i].sequences()]) for batch in batches)
    n_tokens = sum(
        len(prompt) + len(answer)
        for request in requests
        for prompt, answers in zip(request.prompts, request.answers, strict=True)
        for answer in answers
    )
    return BatchPlan(
        batches=tuple(tuple(batch) for batch in batches),
        max_tokens=limit,
        n_tokens=n_tokens,
        n_distinct_tokens=n_distinct,
    )


def default_max_tokens(subject: Subject) -> int:
    """Padded tokens per call that fit into the free memory of the subject's device."""
    footprint = measure_footprint(subject.model)
    per_token = _CALLS_PER_BATCH * footprint.cache_bytes + footprint.activation_bytes
    fitting = int(free_bytes(subject.device) * _MEMORY_SHARE / per_token)
    most = _MOST_TOKENS.get(subject.device.type, _MOST_TOKENS["cpu"])
    return max(_FEWEST_TOKENS, min(most, fitting))


def limits_of(subject: Subject, max_tokens: int) -> Limits:
    """What one call may hold on this subject's device."""
    bytes_per_read = 2 * 4 * subject.architecture.vocab_size
    budget = _LOGITS_BYTES.get(subject.device.type, _LOGITS_BYTES["cpu"])
    return Limits(max_tokens, max(1, budget // bytes_per_read), subject.capabilities.has(RIGHT_PADDING))


def _ordered_families(requests: Sequence[ScoreRequest]) -> list[list[int]]:
    """Requests grouped by long common prefixes of their first prompts; groups by length, members by tokens."""
    order = sorted(range(len(requests)), key=lambda i: (requests[i].prompts, i))
    families: list[list[int]] = []
    for position, index in enumerate(order):
        if position and _are_related(requests[order[position - 1]], requests[index]):
            families[-1].append(index)
        else:
            families.append([index])
    return sorted(families, key=lambda family: (max(len(requests[i].prompts[0]) for i in family), family))


def _are_related(left: ScoreRequest, right: ScoreRequest) -> bool:
    shared = common_prefix(left.prompts[0], right.prompts[0])
    return shared >= max(_FAMILY_TOKENS, min(len(left.prompts[0]), len(right.prompts[0])) // 8)
