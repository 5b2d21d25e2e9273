"""An endpoint asked in words: many conversations at once, every reply on the disk as soon as it is there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from typing import TYPE_CHECKING

from vulnscope.ask.asks import NO_MEMORY, Ask, BuildAsk, Place, PreparedAsk, Reply, ReplyStore
from vulnscope.ask.labels import log_sum_exp
from vulnscope.ask.worded.continuation import list_messages, write_plain
from vulnscope.models.remote import ChatRequest, EndpointClient, TextRequest
from vulnscope.models.remote.client import NoLogProbs, TooLong
from vulnscope.models.remote.messages import FEWER_LOG_PROBS, MOST_LOG_PROBS
from vulnscope.prompts.conversations import PLAIN_STOP

if TYPE_CHECKING:
    from vulnscope.corpora import Sample
    from vulnscope.models.remote.messages import Request
    from vulnscope.records.endpoints import Api

# A label and what a chatty model puts around it.
_LABEL_TOKENS = 16
_ROUNDING_NATS = 1e-9
# Where the listed tokens sum to 1 by rounding, as much may be left.
_LEAST_REST = 1e-6


class RemoteAnswerer:
    """A model behind an endpoint; labels are scored from listed alternatives where the server gives them."""

    def __init__(self, client: EndpointClient, api: Api = "chat") -> None:
        """`api` completions sends one text per turn, as a local model without a chat template reads it."""
        self.client = client
        self.api = api
        self._n_listed = MOST_LOG_PROBS

    def prepare(self, samples: Sequence[Sample], build: BuildAsk) -> list[PreparedAsk]:
        """The asks as they are: what an endpoint reads is its own secret, and it says so where that is too much."""
        return [PreparedAsk(build(sample, 1)) for sample in samples]

    def answer(self, asks: Mapping[Place, Ask], memory: ReplyStore = NO_MEMORY) -> dict[Place, Reply]:
        """A reply to each ask; `memory` hears of each from the thread that asked, before that asks anything else.

        The first error stops all; `memory` has heard of the replies that had come by then.
        """
        replies: dict[Place, Reply] = {}
        pool = ThreadPoolExecutor(self.client.spec.concurrency)
        futures = {pool.submit(self._answer, place, ask, memory): place for place, ask in asks.items()}
        try:
            for future in as_completed(futures):
                replies[futures[future]] = future.result()
        except BaseException:
            self.client.stop()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
        pool.shutdown()
        return replies

    def _answer(self, place: Place, ask: Ask, memory: ReplyStore) -> Reply:
        reply = self._converse(place, ask, memory)
        memory.remember({place: ask}, {place: reply})
        return reply

    def _converse(self, place: Place, ask: Ask, memory: ReplyStore) -> Reply:
        n_listed = self._n_listed
        try:
            return self._score(ask, n_listed) if ask.scored and n_listed else self._write(place, ask, memory)
        except TooLong as error:
            return Reply(refusal=f"longer than the model reads: {error}")
        except NoLogProbs:
            self._list_fewer(n_listed)
            return self._converse(place, ask, memory)

    def _list_fewer(self, n_refused: int) -> None:
        """Ask for fewer alternatives than were refused, at last for none."""
        fewer = FEWER_LOG_PROBS if n_refused > FEWER_LOG_PROBS else 0
        self._n_listed = min(self._n_listed, fewer)

    def _request(self, ask: Ask, turns: Sequence[str], *, max_tokens: int, n_listed: int = 0) -> Request:
        """What continues the conversation after `turns` of the model."""
        if self.api == "chat":
            said = tuple((message.role, message.text) for message in list_messages(ask, turns))
            return ChatRequest(said, max_tokens, ask.temperature, ask.seed, n_listed)
        text = write_plain(ask, turns)
        return TextRequest(text, max_tokens, ask.temperature, ask.seed, n_listed, stop=(PLAIN_STOP,))

    def _write(self, place: Place, ask: Ask, memory: ReplyStore) -> Reply:
        """Texts turn by turn; turns that came before are not asked for again."""
        reply = memory.recall_begun(place, ask) or Reply()
        while True:
            last = self.client.complete(self._request(ask, reply.turns, max_tokens=ask.max_new_tokens))
            is_over = last.is_declined or len(reply.turns) == len(ask.follow_ups)
            reply = Reply(
                turns=() if last.is_declined else (*reply.turns, self._cut_off(last.text)),
                is_finished=last.is_finished,
                n_prompt_tokens=last.n_prompt_tokens,
                n_new_tokens=reply.n_new_tokens + last.n_new_tokens,
                is_declined=last.is_declined,
            )
            if is_over:
                return reply
            memory.remember({place: ask}, {place: reply}, is_whole=False)

    def _score(self, ask: Ask, n_listed: int) -> Reply:
        """Labels from the alternatives to the first token; the text where the server lists none."""
        reply = self.client.complete(self._request(ask, (), max_tokens=_LABEL_TOKENS, n_listed=n_listed))
        counted = Reply(
            n_prompt_tokens=reply.n_prompt_tokens, n_new_tokens=reply.n_new_tokens, has_impossible=reply.has_impossible
        )
        if reply.is_declined:
            return replace(counted, is_declined=True)
        if not reply.first_tokens and not reply.has_impossible:
            self._n_listed = 0
        listed = reply.first_tokens or {}
        labels = score_labels(ask.scored, listed)
        if labels is None:
            return replace(counted, turns=(self._cut_off(reply.text),), is_finished=reply.is_finished)
        top = max(listed, key=listed.__getitem__)
        return replace(counted, label_log_probs=labels, top_label=_label_of(top, ask.scored))

    def _cut_off(self, text: str) -> str:
        """An answer without the next question that a base model makes up, where the server did not stop it."""
        return text if self.api == "chat" else text.partition(PLAIN_STOP)[0]


def score_labels(forms: Mapping[str, Sequence[str]], listed: Mapping[str, float]) -> dict[str, float] | None:
    """Log-probability of each label: the sum over listed tokens that are one of its forms.

    A label that is not listed gets an upper bound, so log-odds are understated: the lowest listed log-probability, or
    what all that is listed leaves. None where no listed label exceeds that bound: which is likelier is not known then.
    """
    found: dict[str, list[float]] = {label: [] for label in forms}
    for token, log_prob in listed.items():
        label = _label_of(token, forms)
        if label:
            found[label].append(log_prob)
    known = {label: log_sum_exp(values) for label, values in found.items() if values}
    if len(known) == len(forms):
        return known
    rest = 1 - sum(map(math.exp, listed.values()))
    floor = min(min(listed.values(), default=0.0), math.log(max(rest, _LEAST_REST)))
    if max(known.values(), default=floor) - floor < _ROUNDING_NATS:
        return None
    return {label: known.get(label, floor) for label in forms}


def _label_of(token: str, forms: Mapping[str, Sequence[str]]) -> str:
    return next((label for label, texts in forms.items() if token.strip() in texts), "")
