"""What asking in words would take and cost, for `--dry-run`. An endpoint is not called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from vulnscope.ask.windows import list_units
from vulnscope.ask.worded.texts import Questions, answer_prepared, batch_units, count_asks, prepare_asks
from vulnscope.audit.answerers import REMOTE_ASKS_PER_BATCH
from vulnscope.records.base import NotMeasured, Number
from vulnscope.records.endpoints import EndpointSpec

if TYPE_CHECKING:
    from vulnscope.ask.asks import Answerer, Ask
    from vulnscope.audit.answerers import AskedInWords

_ANSWER_BYTES = 1200
# Of code and English under the tokenizers in use; an endpoint does not show its own.
_CHARACTERS_PER_TOKEN = 3.5
_MILLION = 1e6
_UNCALLED = NotMeasured(reason="an endpoint is not called for an estimate")


def weigh_words(
    parts: Sequence[Questions], model: AskedInWords | EndpointSpec, max_new_tokens: int, clock: Callable[[], float]
) -> dict[str, Any]:
    """Fields of an `AuditEstimate` for `parts`, the corpus first.

    A local subject answers about one pair to be timed by `clock`, an endpoint is not called.
    """
    asks = [
        (part.protocol.build(sample, name), part.count_repeats(name))
        for part in parts
        for sample in part.samples
        for name in part.prompts_of(sample)
    ]
    asks_per_batch = REMOTE_ASKS_PER_BATCH if isinstance(model, EndpointSpec) else model.asks_per_batch
    n_asks = sum(count_asks(part, sample) for part in parts for sample in part.samples)
    n_new = sum(repeats * _new_tokens(ask, max_new_tokens) for ask, repeats in asks)
    n_tokens = sum(repeats * _prompt_tokens(ask, max_new_tokens) for ask, repeats in asks)
    return {
        "n_background": sum(len(part.samples) for part in parts[1:]),
        "n_cut": 0,
        "n_prompts": sum(repeats * (1 + len(ask.follow_ups)) for ask, repeats in asks),
        "n_batches": sum(len(tuple(batch_units(part, asks_per_batch))) for part in parts),
        "n_tokens": n_tokens,
        "n_distinct_tokens": n_tokens,
        "n_new_tokens": n_new,
        "seconds": _UNCALLED if isinstance(model, EndpointSpec) else _time(parts[0], model.answerer, n_asks, clock),
        "memory_bytes": 0,
        "disk_bytes": n_asks * _ANSWER_BYTES,
        "cost": _cost(model, n_tokens, n_new) if isinstance(model, EndpointSpec) else None,
    }


def _prompt_tokens(ask: Ask, max_new_tokens: int) -> int:
    """Tokens read over all turns: each turn reads everything before it, answers at their longest."""
    characters = sum(len(message.text) for message in ask.messages)
    total, written = 0, 0
    for follow_up in (*ask.follow_ups, None):
        total += int(characters / _CHARACTERS_PER_TOKEN) + written
        characters += len(follow_up or "")
        written += max_new_tokens
    return total


def _new_tokens(ask: Ask, max_new_tokens: int) -> int:
    return 16 if ask.scored else max_new_tokens * (1 + len(ask.follow_ups))


def _time(questions: Questions, answerer: Answerer, n_asks: int, clock: Callable[[], float]) -> float:
    """Seconds for all, from one pair."""
    unit = next(iter(list_units(questions.samples, {})))
    prepared = prepare_asks(answerer, questions, unit)
    started = clock()
    answer_prepared(answerer, prepared)
    return (clock() - started) * n_asks / max(1, len(prepared))


def _cost(spec: EndpointSpec, n_tokens: int, n_new: int) -> Number:
    if spec.price_in is None or spec.price_out is None:
        return NotMeasured(reason="state prices with --price-in and --price-out")
    return (n_tokens * spec.price_in + n_new * spec.price_out) / _MILLION
