"""What an audit in words would ask, take and cost, for `--dry-run`. An endpoint is not called."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from vulnscope.ask.windows import list_units
from vulnscope.ask.worded.texts import Questions, answer_prepared, batch_units, count_asks, prepare_asks
from vulnscope.records.audit import AuditEstimate
from vulnscope.records.base import NotMeasured, Number
from vulnscope.records.endpoints import EndpointSpec

if TYPE_CHECKING:
    from vulnscope.ask.asks import Answerer, Ask
    from vulnscope.audit.answerers import AskedSubject
    from vulnscope.audit.config import AuditConfig
    from vulnscope.audit.texts import TextAudit

_ANSWER_BYTES = 1200
# Of code and English under the tokenizers in use; an endpoint does not show its own.
_CHARACTERS_PER_TOKEN = 3.5
_MILLION = 1e6
_UNCALLED = NotMeasured(reason="an endpoint is not called for an estimate")
_REMOTE_BATCH = 64


def estimate_in_words(
    audit: TextAudit, config: AuditConfig, subject: AskedSubject | EndpointSpec, clock: Callable[[], float]
) -> AuditEstimate:
    """What would be asked; a local subject answers one pair to be timed by `clock`, an endpoint is not called."""
    questions = audit.questions
    parts = [questions] if audit.ordinary is None else [questions, audit.ordinary.questions]
    asked = {sample.id for sample in questions.samples}
    asks = [
        (part.protocol.build(sample, name), count_repeats(part, name))
        for part in parts
        for sample in part.samples
        for name in part.prompts_of(sample)
    ]
    asks_per_batch = _REMOTE_BATCH if isinstance(subject, EndpointSpec) else subject.asks_per_batch
    n_asks = sum(count_asks(part, sample) for part in parts for sample in part.samples)
    n_turns = sum(repeats * (1 + len(ask.follow_ups)) for ask, repeats in asks)
    n_new = sum(repeats * _new_tokens(ask, config) for ask, repeats in asks)
    n_tokens = sum(repeats * _prompt_tokens(ask, config) for ask, repeats in asks)
    return AuditEstimate(
        n_samples=len(asked),
        n_pairs=sum(twins.vulnerable.id in asked and twins.fixed.id in asked for twins in audit.corpus.pairs),
        n_groups=len({audit.corpus.groups[sample_id] for sample_id in asked}),
        n_left_out=sum(part.n for part in questions.left_out),
        n_background=sum(len(part.samples) for part in parts[1:]),
        n_cut=0,
        n_prompts=n_turns,
        n_batches=sum(len(tuple(batch_units(part, asks_per_batch))) for part in parts),
        n_tokens=n_tokens,
        n_distinct_tokens=n_tokens,
        n_new_tokens=n_new,
        seconds=_UNCALLED if isinstance(subject, EndpointSpec) else _time(questions, subject.answerer, n_asks, clock),
        memory_bytes=0,
        disk_bytes=n_asks * _ANSWER_BYTES,
        cost=_cost(subject, n_tokens, n_new) if isinstance(subject, EndpointSpec) else None,
        left_out=questions.left_out,
        config=config.model_dump(mode="json"),
    )


def count_repeats(questions: Questions, prompt: str) -> int:
    """How often a prompt is answered per sample."""
    drawn = len(questions.decoding.temperatures) * questions.decoding.repeats
    return 1 if questions.protocol.is_scored(prompt) else drawn


def _prompt_tokens(ask: Ask, config: AuditConfig) -> int:
    """Tokens read over all turns: each turn reads everything before it, answers at their longest."""
    characters = sum(len(message.text) for message in ask.messages)
    total, written = 0, 0
    for follow_up in (*ask.follow_ups, None):
        total += int(characters / _CHARACTERS_PER_TOKEN) + written
        characters += len(follow_up or "")
        written += config.max_new_tokens
    return total


def _new_tokens(ask: Ask, config: AuditConfig) -> int:
    return 16 if ask.scored else config.max_new_tokens * (1 + len(ask.follow_ups))


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
