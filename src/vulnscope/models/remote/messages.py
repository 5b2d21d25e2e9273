"""Requests to an endpoint and what its answers say, checked before anything is taken from them.

Two APIs: chat takes messages; completions takes one text and goes on with it, which is all that base models can do.
"""

from __future__ import annotations

import math
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


@dataclass(frozen=True)
class Completion:
    """What the model wrote. `first_tokens` are alternatives to its first token with their log-probabilities."""

    text: str
    is_finished: bool
    is_declined: bool
    first_tokens: Mapping[str, float] | None
    n_prompt_tokens: int
    n_new_tokens: int


def read_completion(body: Any, api: Api) -> Completion:
    """The reply in a decoded JSON body; raises `MalformedReply` saying what is missing."""
    try:
        choice = body["choices"][0]
        message = choice["message"] if api == "chat" else {"content": choice["text"]}
        content, refusal = message.get("content"), message.get("refusal")
        ending = choice.get("finish_reason")
        usage = body.get("usage") or {}
        reply = Completion(
            text=content if content is not None else "",
            is_finished=ending != "length",
            is_declined=bool(refusal) or ending == "content_filter",
            first_tokens=_read_first_tokens(choice.get("logprobs")),
            n_prompt_tokens=int(usage.get("prompt_tokens") or 0),
            n_new_tokens=int(usage.get("completion_tokens") or 0),
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise MalformedReply(f"no completion: {error!r}") from error
    if not isinstance(reply.text, str):
        raise MalformedReply(f"no completion: its text is {type(reply.text).__name__}")
    return reply


def _decoding(request: ChatRequest | TextRequest) -> dict[str, Any]:
    body: dict[str, Any] = {"max_tokens": request.max_tokens, "temperature": request.temperature}
    return body if request.seed is None else body | {"seed": request.seed}


def _read_first_tokens(log_probs: Any) -> dict[str, float] | None:
    """The first token and its alternatives, as chat servers list them (some do so for completions), or in columns.

    None where any value cannot be a log-probability, or where together they exceed 1: such a list says nothing.
    """
    if not log_probs:
        return None
    if log_probs.get("content"):
        first = log_probs["content"][0]
        listed: Sequence[Mapping[str, Any]] = [first, *(first.get("top_logprobs") or ())]
        pairs = [(each["token"], each["logprob"]) for each in listed]
    else:
        tokens, values = log_probs.get("tokens") or (), log_probs.get("token_logprobs") or ()
        alternatives = log_probs.get("top_logprobs") or ()
        pairs = [*zip(tokens[:1], values[:1], strict=True), *((alternatives[0] or {}) if alternatives else {}).items()]
    known = {str(token): float(value) for token, value in pairs if value is not None}
    is_possible = all(value <= _ROUNDING for value in known.values())
    if not is_possible or sum(map(math.exp, known.values())) > 1 + _ROUNDING:
        return None
    return {token: min(0.0, value) for token, value in known.items()} or None
