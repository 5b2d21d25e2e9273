"""Which units of work run together, fixed from the full request list so that a resumed run repeats it."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from pydantic import Field

from vulnscope.models.forward.call_cutting import Limits
from vulnscope.models.forward.call_prices import costs_of
from vulnscope.models.forward.memory_budget import free_bytes, measure_footprint
from vulnscope.models.forward.packing import PACKING, find_window
from vulnscope.models.forward.prefix import Tokens, count_distinct
from vulnscope.models.subject.selfcheck import RIGHT_PADDING
from vulnscope.prompts.family import count_shared
from vulnscope.records.base import Record

if TYPE_CHECKING:
    from vulnscope.models.forward.architecture import Shaped
    from vulnscope.models.subject.subject import Subject
    from vulnscope.models.text.items import TokenText

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
# Relatives are looked for among neighbours in the order of this many first tokens.
_KEY_TOKENS = 128


@dataclass(frozen=True)
class ScoreRequest:
    """One unit of work, such as a sample: several prompts, and for each prompt its answers, all as token ids.

    Under edits `items` tell selectors about the prompts' characters and lines, and `row` says which of the edits'
    parameters are meant, where those are given per text.
    """

    prompts: tuple[Tokens, ...]
    answers: tuple[tuple[Tokens, ...], ...]
    items: tuple[TokenText, ...] = ()
    row: int | None = None

    def sequences(self) -> list[Tokens]:
        """What the model must read: each prompt, and each prompt with its answers but for their last token."""
        return [
            prompt + answer[:-1] if len(answer) > 1 else prompt
            for prompt, answers in zip(self.prompts, self.answers, strict=True)
            for answer in ((0,), *answers)
        ]


class BatchPlan(Record):
    """Batches of request indices, in the order they run."""

    batches: tuple[tuple[int, ...], ...]
    max_tokens: int = Field(ge=1, description="padded tokens one forward call may hold")
    n_tokens: int = Field(description="tokens of all prompts and answers, each counted alone")
    n_distinct_tokens: int = Field(description="tokens left when shared prefixes are counted once per batch")


def plan_batches(subject: Subject, requests: Sequence[ScoreRequest], max_tokens: int | None = None) -> BatchPlan:
    """The batches of `requests`: relatives (a long common prefix) together, similar lengths together.

    Depends only on the requests and `max_tokens` (padded tokens per call, from free memory by default).
    """
    limit = max_tokens or default_max_tokens(subject)
    capacity = min(_CALLS_PER_BATCH * limit, max(limit // 4, int(_BATCH_SECONDS / costs_of(subject).token_seconds)))
    batches: list[list[int]] = []
    room = 0
    for family in _ordered_families(requests):
        sizes = _added_tokens(requests, family)
        parts = [(family, sum(sizes))]
        if sum(sizes) > capacity:
            parts = [([number], size) for number, size in zip(family, sizes, strict=True)]
        for members, size in parts:
            if size > room:
                batches.append([])
                room = capacity
            batches[-1].extend(members)
            room -= size
    counts = [_count(requests[number] for number in batch) for batch in batches]
    return BatchPlan(
        batches=tuple(tuple(batch) for batch in batches),
        max_tokens=limit,
        n_tokens=sum(count.n_tokens for count in counts),
        n_distinct_tokens=sum(count.n_distinct_tokens for count in counts),
    )


def default_max_tokens(subject: Shaped) -> int:
    """Padded tokens per call that fit into the free memory of the subject's device."""
    footprint = measure_footprint(subject.model)
    per_token = _CALLS_PER_BATCH * footprint.cache_bytes + footprint.activation_bytes
    fitting = int(free_bytes(subject.device) * _MEMORY_SHARE / per_token)
    most = _MOST_TOKENS.get(subject.device.type, _MOST_TOKENS["cpu"])
    return max(_FEWEST_TOKENS, min(most, fitting))


def limits_of(subject: Subject, max_tokens: int, longest: int) -> Limits:
    """What one call may hold on this subject's device, with rows of up to `longest` tokens."""
    trusted = subject.trusted(longest)
    bytes_per_read = 2 * 4 * subject.architecture.vocab_size
    budget = _LOGITS_BYTES.get(subject.device.type, _LOGITS_BYTES["cpu"])
    window = find_window(subject.model) if trusted.has(PACKING) else 0
    return Limits(
        max_tokens,
        max(1, budget // bytes_per_read),
        is_padding_allowed=trusted.has(RIGHT_PADDING),
        longest_packed=sys.maxsize if window is None else window,
    )


class _Count(NamedTuple):
    n_tokens: int
    n_distinct_tokens: int


def _count(batch: Iterable[ScoreRequest]) -> _Count:
    members = list(batch)
    n_tokens = sum(
        len(prompt) + len(answer)
        for request in members
        for prompt, answers in zip(request.prompts, request.answers, strict=True)
        for answer in answers
    )
    return _Count(n_tokens, count_distinct([tokens for request in members for tokens in request.sequences()]))


def _added_tokens(requests: Sequence[ScoreRequest], family: Sequence[int]) -> list[int]:
    """Distinct tokens of each member beyond what it shares with the one before."""
    added: list[int] = []
    previous: Tokens = ()
    for number in family:
        request = requests[number]
        added.append(count_distinct(request.sequences()) - count_shared(previous, request.prompts[0]))
        previous = request.prompts[0]
    return added


def _ordered_families(requests: Sequence[ScoreRequest]) -> list[list[int]]:
    """Requests grouped by long common prefixes of their first prompts; groups by length, members by tokens.

    Keeps a few bytes per request, so that a sequence may build each request as it is read.
    """
    keys: list[tuple[bytes, int]] = []
    lengths: list[int] = []
    for number, request in enumerate(requests):
        keys.append((array("Q", request.prompts[0][:_KEY_TOKENS]).tobytes(), number))
        lengths.append(len(request.prompts[0]))
    families: list[list[int]] = []
    previous: Tokens = ()
    for _, number in sorted(keys):
        tokens = requests[number].prompts[0]
        if count_shared(previous, tokens) >= max(_FAMILY_TOKENS, min(len(previous), len(tokens)) // 8):
            families[-1].append(number)
        else:
            families.append([number])
        previous = tokens
    return sorted(families, key=lambda family: (max(lengths[number] for number in family), family))
