"""Calls to an OpenAI-compatible endpoint: many at once, retried where waiting can help, else refused with a reason."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from vulnscope.errors import EndpointError, InputError
from vulnscope.models.remote.exchange import Answer, Exchange, Stopped, TooMuch
from vulnscope.models.remote.messages import ChatRequest, Completion, MalformedReply, Request, read_completion
from vulnscope.models.remote.pace import Pace, back_off_seconds
from vulnscope.records.endpoints import Api, EndpointSpec

_WORTH_ANOTHER_TRY = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_TOO_LONG = ("context length", "context_length", "maximum context", "context size", "too long", "must have less than")
_SHOWN_CHARACTERS = 300
_PATHS: Mapping[Api, str] = {"chat": "chat/completions", "completions": "completions"}


class TooLong(EndpointError):
    """The prompt is longer than the model reads."""


class NoLogProbs(EndpointError):
    """The server refuses to give log-probabilities, or so many alternatives."""


class NoChat(InputError):
    """The server has no such model, or does not chat with it."""


class EndpointClient:
    """One model behind an endpoint; safe to use from several threads."""

    def __init__(
        self,
        spec: EndpointSpec,
        model: str,
        *,
        key: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        """`sleep` waits for so many seconds; None: or until `stop`."""
        self.spec = spec
        self.model = model
        self._exchange = Exchange(key, spec.timeout_seconds, spec.concurrency)
        self._stopped = threading.Event()
        self._pace = Pace(spec.requests_per_minute, clock, sleep or self._stopped.wait)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let connections go; threads that wait for another try give up."""
        self.stop()
        self._exchange.close()

    def stop(self) -> None:
        """No further try is made, and what is under way is given up."""
        self._stopped.set()
        self._exchange.stop()

    def find_api(self) -> Api:
        """The API to ask by: the one that is set; with auto chat, unless the server refuses one token of it."""
        if self.spec.api != "auto":
            return self.spec.api
        try:
            self.complete(ChatRequest((("user", "Hello"),), max_tokens=1))
        except NoChat:
            return "completions"
        return "chat"

    def complete(self, request: Request) -> Completion:
        """The model's reply; raises `EndpointError` once trying again is of no use.

        `TooLong` and `NoLogProbs` say that this very request cannot be answered; the endpoint is fine.
        """
        address = f"{self.spec.url}/{_PATHS[request.api]}"
        trouble = "stopped before it was asked"
        for attempt in range(1, self.spec.max_attempts + 1):
            self._pace.wait_turn()
            if self._stopped.is_set():
                break
            retry_after = None
            try:
                answer = self._exchange.post(address, request.as_json(self.model))
                if answer.status in _WORTH_ANOTHER_TRY:
                    trouble = _describe(answer)
                    retry_after = answer.retry_after
                else:
                    return self._read(address, answer, request)
            except MalformedReply as error:
                trouble = f"it answered with {error}"
            except Stopped:
                trouble = "stopped before it answered"
                break
            except TooMuch as error:
                raise EndpointError(f"{address}, model {self.model}: {error}") from error
            except TimeoutError:
                trouble = f"no whole answer within {self.spec.timeout_seconds:g} seconds"
            except httpx.HTTPError as error:
                trouble = f"it cannot be reached ({error})"
            if attempt < self.spec.max_attempts:
                self._pace.pause(back_off_seconds(attempt, retry_after))
        tries = "" if self._stopped.is_set() else f", after {self.spec.max_attempts} tries"
        raise EndpointError(f"{address}, model {self.model}: {trouble}{tries}")

    def _read(self, address: str, answer: Answer, request: Request) -> Completion:
        api = request.api
        status, reason, words = answer.status, _describe(answer), answer.text.lower()
        if 200 <= status < 300:
            return read_completion(_decode(answer.text), request)
        if status in (401, 403):
            variable = self.spec.key_variable
            hint = f"check the key in {variable}" if variable else "name the variable with the key: --api-key-env NAME"
            raise EndpointError(f"{address} refuses access ({reason}); {hint}")
        if status in (400, 404, 405, 422, 501) and api == "chat" and "chat template" in words:
            raise NoChat(
                f"{address} has no chat template for {self.model!r} ({reason}); ask a base model with "
                "--endpoint-api completions"
            )
        if status in (404, 405, 501):
            hint = "; a base model may answer with --endpoint-api completions" if api == "chat" else ""
            raise NoChat(f"{address} has no model {self.model!r}, or is no {api} endpoint ({reason}){hint}")
        if status in (400, 413, 422):
            if any(sign in words for sign in _TOO_LONG):
                raise TooLong(reason)
            if "logprob" in words:
                raise NoLogProbs(reason)
        raise EndpointError(f"{address}, model {self.model}: refused ({reason})")


def _decode(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=float)
    except (ValueError, RecursionError) as error:
        raise MalformedReply(f"what is no JSON ({error}): {_shorten(text)!r}") from error


def _describe(answer: Answer) -> str:
    return f"status {answer.status}: {_shorten(answer.text)}"


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_CHARACTERS else f"{line[:_SHOWN_CHARACTERS]}…"
