"""The scoring engine: log-probabilities of answers, with no token computed twice and no logits nobody reads.

All token sequences of a batch form one prefix tree (`prefix`); its nodes run level by level over forked caches
(`levels`, `cache`); the head is applied only at the positions read (`head`). The numbers are those of the plain
forward, to 1e-4 nats in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from pydantic import Field

from vulnscope.errors import InputError, SubjectError
from vulnscope.models.edit.binding import bound_texts, check_texts
from vulnscope.models.edit.keys import key_sequences
from vulnscope.models.edit.session import active_sessions
from vulnscope.models.forward.call_prices import costs_of
from vulnscope.models.forward.lengths import mark_lengths
from vulnscope.models.forward.memory_budget import is_out_of_memory
from vulnscope.models.forward.prefix import Tokens, plant_forest
from vulnscope.models.forward.tree_forward import NextToken, Read, run_forest
from vulnscope.models.read.editing import maybe_edited
from vulnscope.models.read.nnsight_backend import NNSIGHT, read_traced_forest
from vulnscope.models.subject.selfcheck import PREFIX_CACHE
from vulnscope.models.text.items import TokenText
from vulnscope.models.text.plan import BatchPlan, ScoreRequest, default_max_tokens, limits_of, plan_batches
from vulnscope.records.base import Record

if TYPE_CHECKING:
    from vulnscope.models.edit.edits import Edit
    from vulnscope.models.subject.subject import Subject

__all__ = ["BackOff", "BatchPlan", "PromptScores", "ScoreRequest", "plan_batches", "score", "score_batch"]


@dataclass(frozen=True)
class PromptScores:
    """What the model thinks of each answer to one prompt (nats), and what it would say itself."""

    token_log_probs: tuple[tuple[float, ...], ...]
    top_tokens: tuple[int, ...]
    """The most likely first token; all of them where several tie exactly."""
    top_log_prob: float

    @property
    def log_probs(self) -> tuple[float, ...]:
        """Log-probability of each whole answer: the sum over its tokens."""
        return tuple(sum(tokens) for tokens in self.token_log_probs)


class BackOff(Record):
    """Memory ran out: requests `first` to `stop` (within the batch) run again as two halves or in smaller calls."""

    first: int = Field(ge=0)
    stop: int
    size: int | None = Field(description="requests in the first half; None where a single request was left")
    max_tokens: int = Field(description="tokens per call from now on, for these requests")


def score(
    subject: Subject,
    prompts: Sequence[Tokens | TokenText],
    answers: Sequence[Sequence[Tokens]],
    max_tokens: int | None = None,
    edits: Sequence[Edit] | None = None,
) -> list[PromptScores]:
    """Scores of `answers[i]` (token ids) after `prompts[i]` (token ids or an item), in the order given.

    `edits` are in force while it runs, as are those of an `edited` block around it; parameters given per text belong
    to the prompts in their order.
    """
    items = [prompt if isinstance(prompt, TokenText) else TokenText(tuple(prompt)) for prompt in prompts]
    requests = [
        ScoreRequest((item.tokens,), (tuple(tuple(answer) for answer in choices),), (item,), row)
        for row, (item, choices) in enumerate(zip(items, answers, strict=True))
    ]
    check_requests(subject, requests)
    scores: dict[int, PromptScores] = {}
    with maybe_edited(subject, edits):
        check_texts(subject, [_longest(request) for request in requests], is_growing=False)
        plan = plan_batches(subject, requests, max_tokens)
        for batch in plan.batches:
            results = score_batch(subject, [requests[i] for i in batch], plan.max_tokens)
            scores.update((i, result[0]) for i, result in zip(batch, results, strict=True))
    return [scores[i] for i in range(len(requests))]


def score_batch(
    subject: Subject,
    requests: Sequence[ScoreRequest],
    max_tokens: int | None = None,
    on_backoff: Callable[[BackOff], None] | None = None,
) -> list[tuple[PromptScores, ...]]:
    """Scores of every prompt of every request, sharing prefixes across all of them.

    `max_tokens` is that of the plan; the same batch with the same value gives the same bytes on one machine. Where
    memory runs out the batch runs in halves, and `on_backoff` hears of it.
    """
    check_requests(subject, requests)
    return _score_or_halve(subject, requests, max_tokens or default_max_tokens(subject), on_backoff, 0)


def check_requests(subject: Subject, requests: Sequence[ScoreRequest]) -> None:
    """Raise `InputError` for empty or over-long token sequences and for ids outside the vocabulary."""
    limit, vocab_size = subject.max_positions, subject.architecture.vocab_size
    for number, request in enumerate(requests):
        for prompt, answers in zip(request.prompts, request.answers, strict=True):
            if not prompt or not all(answers):
                raise InputError(f"request {number} has an empty prompt or answer; each needs at least one token")
            longest = len(prompt) + max((len(answer) for answer in answers), default=0)
            if limit is not None and longest > limit:
                raise InputError(
                    f"request {number} has {longest} tokens with its answer; {subject.name} reads at most {limit}. "
                    "Cut the sample"
                )
            largest = max(max(prompt), *(max(answer) for answer in answers), 0)
            if largest >= vocab_size:
                raise InputError(f"request {number} holds token id {largest}; the vocabulary ends at {vocab_size - 1}")


def _score_or_halve(
    subject: Subject,
    requests: Sequence[ScoreRequest],
    max_tokens: int,
    on_backoff: Callable[[BackOff], None] | None,
    first: int,
) -> list[tuple[PromptScores, ...]]:
    try:
        return _score(subject, requests, max_tokens)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        longest = max(len(tokens) for request in requests for tokens in request.sequences())
        if len(requests) == 1 and max_tokens <= longest:
            raise SubjectError(f"out of memory on one sequence of {longest} tokens, alone in its call") from error
    # Outside the except block, so that the failed call's tensors are freed first.
    if subject.device.type == "cuda":
        torch.cuda.empty_cache()
    n = len(requests)
    size = n // 2 if n > 1 else None
    smaller = max_tokens if size else max(longest, max_tokens // 2)
    if on_backoff:
        on_backoff(BackOff(first=first, stop=first + n, size=size, max_tokens=smaller))
    if size is None:
        return _score_or_halve(subject, requests, smaller, on_backoff, first)
    return [
        *_score_or_halve(subject, requests[:size], smaller, on_backoff, first),
        *_score_or_halve(subject, requests[size:], smaller, on_backoff, first + size),
    ]


def _score(subject: Subject, requests: Sequence[ScoreRequest], max_tokens: int) -> list[tuple[PromptScores, ...]]:
    if not active_sessions(subject):
        sequences = [tokens for request in requests for tokens in request.sequences()]
        return _read_answers(subject, requests, sequences, max_tokens)
    items = [item for request in requests for item in _sequence_items(request)]
    rows = [
        row
        for request, row in zip(requests, _parameter_rows(subject, requests), strict=True)
        for _ in request.sequences()
    ]
    with bound_texts(subject, items, rows):
        return _read_answers(subject, requests, key_sequences(subject, items), max_tokens)


def _parameter_rows(subject: Subject, requests: Sequence[ScoreRequest]) -> list[int]:
    """Which row of the edits' parameters each request takes; raises `InputError` where that matters and is unknown."""
    if any(session.n_rows is not None for session in active_sessions(subject)):
        nameless = next((number for number, request in enumerate(requests) if request.row is None), None)
        if nameless is not None:
            raise InputError(
                f"the edits hold parameters per text, but request {nameless} does not say which row is its own"
            )
    return [request.row or 0 for request in requests]


def _read_answers(
    subject: Subject, requests: Sequence[ScoreRequest], sequences: Sequence[Tokens], max_tokens: int
) -> list[tuple[PromptScores, ...]]:
    """Scores of `requests`, whose sequences are given with their edits."""
    costs = costs_of(subject)
    sequences = mark_lengths(subject.model, sequences)
    longest = max(map(len, sequences), default=0)
    can_share = subject.trusted(longest).has(PREFIX_CACHE) and subject.backend != NNSIGHT
    forest = plant_forest(sequences, costs.pays if can_share else lambda *_: False)
    wanted: dict[tuple[int, int], list[int]] = {}
    number = 0
    for request in requests:
        for prompt, answers in zip(request.prompts, request.answers, strict=True):
            wanted.setdefault(forest.locate(number, len(prompt) - 1), [])
            for offset, answer in enumerate(answers, start=1):
                for step, token in enumerate(answer):
                    wanted.setdefault(forest.locate(number + offset, len(prompt) - 1 + step), []).append(token)
            number += 1 + len(answers)
    reads = [Read(node, offset, tuple(dict.fromkeys(tokens))) for (node, offset), tokens in wanted.items()]
    limits = limits_of(subject, max_tokens, longest)
    if active_sessions(subject):
        limits = replace(limits, longest_packed=0)  # edits know the rows of a call as one sequence each
    if subject.backend == NNSIGHT:
        found = read_traced_forest(subject, forest, reads)
    else:
        found = run_forest(subject.model, subject.architecture, forest, reads, costs, limits)
    table = {
        (read.node, read.offset): (next_token, dict(zip(read.tokens, next_token.log_probs, strict=True)))
        for read, next_token in zip(reads, found, strict=True)
    }
    scores: list[tuple[PromptScores, ...]] = []
    number = 0
    for request in requests:
        prompts = []
        for prompt, answers in zip(request.prompts, request.answers, strict=True):
            end = len(prompt) - 1
            says: NextToken = table[forest.locate(number, end)][0]
            per_answer = tuple(
                tuple(table[forest.locate(number + offset, end + step)][1][token] for step, token in enumerate(answer))
                for offset, answer in enumerate(answers, start=1)
            )
            prompts.append(PromptScores(per_answer, says.top_tokens, says.top_log_prob))
            number += 1 + len(answers)
        scores.append(tuple(prompts))
    return scores


def _sequence_items(request: ScoreRequest) -> list[TokenText]:
    """An item for each sequence of `request`: what its prompt is known by, and the answer tokens after it."""
    known = request.items or tuple(TokenText(prompt) for prompt in request.prompts)
    return [
        replace(item, tokens=prompt + answer[:-1], n_prompt=len(prompt), offsets=_extend(item, len(answer) - 1))
        for item, prompt, answers in zip(known, request.prompts, request.answers, strict=True)
        for answer in ((0,), *answers)
    ]


def _extend(item: TokenText, n: int) -> tuple[tuple[int, int], ...] | None:
    """The offsets of `item`, and none for `n` answer tokens after it."""
    return None if item.offsets is None else (*item.offsets, *((0, 0) for _ in range(n)))


def _longest(request: ScoreRequest) -> TokenText:
    return max(_sequence_items(request), key=lambda item: len(item.tokens))
