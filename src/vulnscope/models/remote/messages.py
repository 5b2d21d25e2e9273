"""Requests to an endpoint and what its answers say, checked before anything is taken from them.

Two APIs: chat takes messages; completions takes one text and goes on with it, which is all that base models can do.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vulnscope.errors import EndpointError

if TYPE_CHECKING:
    from vulnscope.records.endpoints import Api

MOST_LOG_PROBS = 20
"""Alternatives that servers list per token at most."""
FEWER_LOG_PROBS = 5
"""What the strictest of those list that list any."""


class MalformedReply(EndpointError):
    """What came is no completion."""


@dataclass(frozen=True)
class ChatRequest:
    """One call; `n_log_probs` alternatives to the first token are asked for, 0 for none."""

    messages: tuple[tuple[str, str], ...]
    max_tokens: int
    temperature: float = 0.0
    seed: int | None = None
    n_log_probs: int = 0

    api: ClassVar[Api] = "chat"

    def as_json(self, model: str) -> dict[str, Any]:
        """The body of the request."""
        body: dict[str, Any] = {
            "model": model,
            "messages": [{"role": role, "content": text} for role, text in self.messages],
            **_decoding(self),
        }
        if self.n_log_probs:
            body |= {"logprobs": True, "top_logprobs": self.n_log_probs}
        return body


@dataclass(frozen=True)
class TextRequest:
    """One call that goes on with `prompt` until it is told to `stop`; the rest as in `ChatRequest`."""

    prompt: str
    max_tokens: int
    temperature: float = 0.0
    seed: int | None = None
    n_log_probs: int = 0
    stop: tuple[str, ...] = ()

    api: ClassVar[Api] = "completions"

    def as_json(self, model: str) -> dict[str, Any]:
        """The body of the request."""
        body: dict[str, Any] = {"model": model, "prompt": self.prompt, **_decoding(self)}
        if self.stop:
            body["stop"] = list(self.stop)
        if self.n_log_probs:
            body["logprobs"] = self.n_log_probs
        return body


Request = ChatRequest | TextRequest


_ROUNDING = 0.01
"""So far may log-probabilities, and the sum of probabilities, be over what they can be: servers round to few digits."""


_FLOOR = -1e4
"""Stands for the log-probability of what cannot come, which some servers write as minus infinity."""
_SURROGATES = re.compile("[\ud800-\udfff]")
_MOST_TOKENS = 10**9
_MOST_CHARACTERS_PER_TOKEN = 1000
_SHOWN_CHARACTERS = 300


@dataclass(frozen=True)
class Completion:
    """What the model wrote. `first_tokens` are alternatives to its first token with their log-probabilities.

    They are None where the server gave none, and where it `has_impossible` ones.
    """

    text: str
    is_finished: bool
    is_declined: bool
    first_tokens: Mapping[str, float] | None
    n_prompt_tokens: int
    n_new_tokens: int
    has_impossible: bool = False


def read_completion(body: Any, request: Request) -> Completion:
    """The reply to `request` in a decoded JSON body; raises `MalformedReply` showing what is none.

    Counts of tokens that cannot be are taken as not reported (0); lone surrogates, which no file can hold, are
    replaced.
    """
    try:
        choice = body["choices"][0]
        message = choice["message"] if request.api == "chat" else {"content": choice["text"]}
        content, refusal = message.get("content"), message.get("refusal")
        ending = choice.get("finish_reason")
        usage = body.get("usage") or {}
        listed = _list_first_tokens(choice.get("logprobs"))
        is_possible = _are_possible(listed)
        reply = Completion(
            text=_as_text("" if content is None else content),
            is_finished=ending != "length",
            is_declined=bool(refusal) or ending == "content_filter",
            first_tokens=_bound(listed) if listed and is_possible else None,
            n_prompt_tokens=_read_count(usage.get("prompt_tokens")),
            n_new_tokens=_read_count(usage.get("completion_tokens")),
            has_impossible=not is_possible,
        )
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise MalformedReply(f"JSON that is no completion: {str(body)[:_SHOWN_CHARACTERS]!r}") from error
    if len(reply.text) > _MOST_CHARACTERS_PER_TOKEN * (request.max_tokens + 1):
        raise MalformedReply(f"{len(reply.text):,} characters where {request.max_tokens} tokens were asked for")
    return reply


def _as_text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", value)


def _read_count(value: Any) -> int:
    is_possible = isinstance(value, int | float) and 0 <= value <= _MOST_TOKENS
    return int(value) if is_possible else 0


def _decoding(request: ChatRequest | TextRequest) -> dict[str, Any]:
    body: dict[str, Any] = {"max_tokens": request.max_tokens, "temperature": request.temperature}
    return body if request.seed is None else body | {"seed": request.seed}


def _list_first_tokens(log_probs: Any) -> dict[str, float]:
    """The first token and its alternatives, as chat servers list them (some do so for completions), or in columns."""
    if not log_probs:
        return {}
    if log_probs.get("content"):
        first = log_probs["content"][0]
        listed: Sequence[Mapping[str, Any]] = [first, *(first.get("top_logprobs") or ())]
        pairs = [(each["token"], each["logprob"]) for each in listed]
    else:
        tokens, values = log_probs.get("tokens") or (), log_probs.get("token_logprobs") or ()
        alternatives = log_probs.get("top_logprobs") or ()
        pairs = [*zip(tokens[:1], values[:1], strict=True), *((alternatives[0] or {}) if alternatives else {}).items()]
    return {_as_text(token): float(value) for token, value in pairs if value is not None}


def _are_possible(listed: Mapping[str, float]) -> bool:
    """Whether each value can be a log-probability, and all together do not exceed 1; otherwise they say nothing."""
    is_each = all(value <= _ROUNDING for value in listed.values())
    return is_each and sum(map(math.exp, listed.values())) <= 1 + _ROUNDING


def _bound(listed: Mapping[str, float]) -> dict[str, float]:
    return {token: min(0.0, max(_FLOOR, value)) for token, value in listed.items()}
