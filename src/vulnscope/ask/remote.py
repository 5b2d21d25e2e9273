"""An endpoint asked in words: many conversations at once, every reply on the disk as soon as it is there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from typing import TYPE_CHECKING

from vulnscope.ask.asks import Ask, BuildAsk, Keep, Place, PreparedAsk, Reply
from vulnscope.ask.labels import log_sum_exp
from vulnscope.models.remote import ChatReply, ChatRequest, EndpointClient
from vulnscope.models.remote.client import NoLogProbs, TooLong

if TYPE_CHECKING:
    from vulnscope.ask.journal import ReplyJournal
    from vulnscope.corpora import Sample

# A label and what a chatty model puts around it.
_LABEL_TOKENS = 16


class RemoteAnswerer:
    """A model behind an endpoint; labels are scored from listed alternatives where the server gives them."""

    def __init__(self, client: EndpointClient) -> None:
        self.client = client
        self.journal: ReplyJournal | None = None
        self._has_log_probs = True

    def prepare(self, samples: Sequence[Sample], build: BuildAsk) -> list[PreparedAsk]:
        """The asks as they are: what an endpoint reads is its own secret, and it says so where that is too much."""
        return [PreparedAsk(build(sample, 1)) for sample in samples]

    def answer(self, asks: Mapping[Place, Ask], keep: Keep | None = None) -> dict[Place, Reply]:
        """A reply to each ask; those in the journal are not asked again.

        The first error stops all; replies that had come by then are in the journal.
        """
        replies = {} if self.journal is None else self.journal.recall(asks)
        pool = ThreadPoolExecutor(self.client.spec.concurrency)
        futures = {pool.submit(self._converse, ask): place for place, ask in asks.items() if place not in replies}
        try:
            for future in as_completed(futures):
                replies[futures[future]] = self._record(asks, futures[future], future.result(), keep)
        except BaseException:
            self.client.stop()
            pool.shutdown(wait=True, cancel_futures=True)
            for future, place in futures.items():
                if place not in replies and not future.cancelled() and future.exception() is None:
                    self._record(asks, place, future.result(), keep)
            raise
        pool.shutdown()
        return replies

    def _record(self, asks: Mapping[Place, Ask], place: Place, reply: Reply, keep: Keep | None) -> Reply:
        if self.journal is not None:
            self.journal.remember(place, asks[place], reply)
        if keep is not None:
            keep(place, reply)
        return reply

    def _converse(self, ask: Ask) -> Reply:
        try:
            return self._score(ask) if ask.scored and self._has_log_probs else self._write(ask)
        except TooLong as error:
            return Reply(refusal=f"longer than the model reads: {error}")
        except NoLogProbs:
            self._has_log_probs = False
            return self._converse(ask)

    def _write(self, ask: Ask) -> Reply:
        """Texts turn by turn."""
        messages = [(message.role, message.text) for message in ask.messages]
        turns: list[str] = []
        n_new_tokens = 0
        for follow_up in (*ask.follow_ups, None):
            request = ChatRequest(tuple(messages), ask.max_new_tokens, ask.temperature, ask.seed)
            last = self.client.complete(request)
            turns.append(last.text)
            n_new_tokens += last.n_new_tokens
            if follow_up is None or last.is_declined:
                break
            messages += [("assistant", last.text), ("user", follow_up)]
        return Reply(
            turns=() if last.is_declined else tuple(turns),
            is_finished=last.is_finished,
            n_prompt_tokens=last.n_prompt_tokens,
            n_new_tokens=n_new_tokens,
            is_declined=last.is_declined,
        )

    def _score(self, ask: Ask) -> Reply:
        """Labels from the alternatives to the first token; the text where the server lists none."""
        messages = tuple((message.role, message.text) for message in ask.messages)
        reply = self.client.complete(ChatRequest(messages, _LABEL_TOKENS, wants_log_probs=True))
        counted = Reply(n_prompt_tokens=reply.n_prompt_tokens, n_new_tokens=reply.n_new_tokens)
        if reply.is_declined:
            return replace(counted, is_declined=True)
        if reply.first_tokens is None:
            self._has_log_probs = False
            return replace(counted, turns=(reply.text,), is_finished=reply.is_finished)
        labels = score_labels(ask.scored, reply)
        if labels is None:
            return replace(counted, turns=(reply.text,), is_finished=reply.is_finished)
        top = max(reply.first_tokens, key=lambda token: reply.first_tokens[token] if reply.first_tokens else 0.0)
        return replace(counted, label_log_probs=labels, top_label=_label_of(top, ask.scored))


def score_labels(forms: Mapping[str, Sequence[str]], reply: ChatReply) -> dict[str, float] | None:
    """Log-probability of each label: the sum over listed tokens that are one of its forms.

    A label that is not listed gets the lowest listed log-probability, an upper bound, so log-odds are understated. None
    where no label is listed at all: nothing is known then.
    """
    listed = reply.first_tokens or {}
    found: dict[str, list[float]] = {label: [] for label in forms}
    for token, log_prob in listed.items():
        label = _label_of(token, forms)
        if label and math.isfinite(log_prob):
            found[label].append(log_prob)
    if not any(found.values()):
        return None
    floor = min(log_prob for log_prob in listed.values() if math.isfinite(log_prob))
    return {label: log_sum_exp(values) if values else floor for label, values in found.items()}


def _label_of(token: str, forms: Mapping[str, Sequence[str]]) -> str:
    return next((label for label, texts in forms.items() if token.strip() in texts), "")
