"""Calls to an OpenAI-compatible endpoint: many at once, retried where waiting can help, else refused with a reason."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from vulnscope.errors import EndpointError, InputError
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
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.spec = spec
        self.model = model
        self._http = httpx.Client(
            headers=headers,
            timeout=spec.timeout_seconds,
            limits=httpx.Limits(max_connections=spec.concurrency, max_keepalive_connections=spec.concurrency),
        )
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
        self._http.close()

    def stop(self) -> None:
        """No further try is made."""
        self._stopped.set()

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
        trouble = "no try was made"
        for attempt in range(1, self.spec.max_attempts + 1):
            self._pace.wait_turn()
            if self._stopped.is_set():
                break
            retry_after = None
            try:
                response = self._http.post(address, json=request.as_json(self.model))
                if response.status_code in _WORTH_ANOTHER_TRY:
                    trouble = _describe(response)
                    retry_after = response.headers.get("retry-after")
                else:
                    return self._read(response, request.api)
            except MalformedReply as error:
                trouble = f"it answered with {error}"
            except httpx.TimeoutException:
                trouble = f"no answer within {self.spec.timeout_seconds:g} seconds"
            except httpx.HTTPError as error:
                trouble = f"it cannot be reached ({error})"
            if attempt < self.spec.max_attempts:
                self._pace.pause(back_off_seconds(attempt, retry_after))
        raise EndpointError(f"{address}, model {self.model}: {trouble}, after {self.spec.max_attempts} tries")

    def _read(self, response: httpx.Response, api: Api) -> Completion:
        if response.is_success:
            return read_completion(_decode(response), api)
        address, reason = response.url, _describe(response)
        if response.status_code in (401, 403):
            variable = self.spec.key_variable
            hint = f"check the key in {variable}" if variable else "name the variable with the key: --api-key-env NAME"
            raise EndpointError(f"{address} refuses access ({reason}); {hint}")
        words = response.text.lower()
        if response.status_code in (400, 404, 405, 422, 501) and api == "chat" and "chat template" in words:
            raise NoChat(
                f"{address} has no chat template for {self.model!r} ({reason}); ask a base model with "
                "--endpoint-api completions"
            )
        if response.status_code in (404, 405, 501):
            hint = "; a base model may answer with --endpoint-api completions" if api == "chat" else ""
            raise NoChat(f"{address} has no model {self.model!r}, or is no {api} endpoint ({reason}){hint}")
        if response.status_code in (400, 413, 422):
            if any(sign in words for sign in _TOO_LONG):
                raise TooLong(reason)
            if "logprob" in words:
                raise NoLogProbs(reason)
        raise EndpointError(f"{address}, model {self.model}: refused ({reason})")


def _decode(response: httpx.Response) -> Any:
    try:
        return json.loads(response.content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise MalformedReply(f"what is no JSON ({error}): {_shorten(response.text)!r}") from error


def _refuse_constant(name: str) -> float:
    # Some servers write -Infinity for impossible tokens; the floor stands for it.
    return -1e4 if name == "-Infinity" else math.nan


def _describe(response: httpx.Response) -> str:
    return f"status {response.status_code}: {_shorten(response.text)}"


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_CHARACTERS else f"{line[:_SHOWN_CHARACTERS]}…"
