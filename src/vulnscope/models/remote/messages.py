"""Requests to a chat endpoint and what its answers say, checked before anything is taken from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vulnscope.errors import EndpointError

MOST_LOG_PROBS = 20
"""Alternatives that servers list per token at most."""


class MalformedReply(EndpointError):
    """What came is no chat completion."""


@dataclass(frozen=True)
class ChatRequest:
    """One call; with `wants_log_probs` the alternatives to the first token are asked for."""

    messages: tuple[tuple[str, str], ...]
    max_tokens: int
    temperature: float = 0.0
    seed: int | None = None
    wants_log_probs: bool = False

    def as_json(self, model: str) -> dict[str, Any]:
        """The body of the request."""
        body: dict[str, Any] = {
            "model": model,
            "messages": [{"role": role, "content": text} for role, text in self.messages],
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
        }
        if self.seed is not None:
            body["seed"] = self.seed
        if self.wants_log_probs:
            body |= {"logprobs": True, "top_logprobs": MOST_LOG_PROBS}
        return body


@dataclass(frozen=True)
class ChatReply:
    """What the model wrote. `first_tokens` are alternatives to its first token with their log-probabilities."""

    text: str
    is_finished: bool
    is_declined: bool
    first_tokens: Mapping[str, float] | None
    n_prompt_tokens: int
    n_new_tokens: int


def read_reply(body: Any) -> ChatReply:
    """The reply in a decoded JSON body; raises `MalformedReply` saying what is missing."""
    try:
        choice = body["choices"][0]
        message = choice["message"]
        content, refusal = message.get("content"), message.get("refusal")
        ending = choice.get("finish_reason")
        usage = body.get("usage") or {}
        reply = ChatReply(
            text=content if content is not None else "",
            is_finished=ending != "length",
            is_declined=bool(refusal) or ending == "content_filter",
            first_tokens=_read_first_tokens(choice.get("logprobs")),
            n_prompt_tokens=int(usage.get("prompt_tokens") or 0),
            n_new_tokens=int(usage.get("completion_tokens") or 0),
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise MalformedReply(f"no chat completion: {error!r}") from error
    if not isinstance(reply.text, str):
        raise MalformedReply(f"no chat completion: content is {type(reply.text).__name__}, not text")
    return reply


def _read_first_tokens(log_probs: Any) -> dict[str, float] | None:
    if not log_probs or not log_probs.get("content"):
        return None
    first = log_probs["content"][0]
    listed = [first, *(first.get("top_logprobs") or ())]
    return {str(each["token"]): min(0.0, float(each["logprob"])) for each in listed}
