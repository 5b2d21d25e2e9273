"""One HTTP exchange with a server that is not trusted: bounded in time and size, stopped at once, never with the key.

The requests of all threads run in one event loop of their own: what takes too long there is cancelled wherever it
stands, be it connecting, in the headers or in a body that comes by single bytes.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from typing import Any, NamedTuple

import httpx

MOST_BYTES = 32 << 20
"""Of one reply; a thousand tokens with twenty alternatives each take about two MiB."""
MASK = "[API key]"

_SHORTEST_SECRET = 6


class TooMuch(Exception):
    """The server sends more than any reply holds."""


class Stopped(Exception):
    """The exchange was given up because its user wants no more."""


class Answer(NamedTuple):
    """What a server said; the key is masked wherever it said it."""

    status: int
    text: str
    retry_after: str | None


class Exchange:
    """Posts JSON to a server; safe to use from several threads."""

    def __init__(self, key: str | None, timeout_seconds: float, n_connections: int) -> None:
        """`timeout_seconds` bounds an exchange from its first step to the last byte of the reply."""
        self._hide = key_mask(key)
        self._timeout_seconds = timeout_seconds
        # A reply as it is: what unpacks itself could be small on the way and huge here.
        headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {key}"} if key else {})
        self._http = httpx.AsyncClient(
            headers=headers,
            timeout=timeout_seconds,
            limits=httpx.Limits(max_connections=n_connections, max_keepalive_connections=n_connections),
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._tasks = set[asyncio.Task[Answer]]()
        self._is_stopped = False

    def post(self, address: str, body: Mapping[str, Any]) -> Answer:
        """What the server answers.

        Raises `TimeoutError` where it is not there whole in time, `TooMuch`, `Stopped`, and `httpx.HTTPError` where
        there is no answer; their texts hold no key.
        """
        if self._is_stopped:
            raise Stopped
        try:
            return asyncio.run_coroutine_threadsafe(self._post(address, body), self._loop).result()
        except (CancelledError, asyncio.CancelledError) as error:
            raise Stopped from error
        except httpx.TimeoutException as error:
            raise TimeoutError from error
        except httpx.HTTPError as error:
            raise httpx.HTTPError(self._hide(str(error))) from None

    def stop(self) -> None:
        """Give up at once what is under way, and begin nothing more."""
        self._is_stopped = True
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._cancel_all)

    def close(self) -> None:
        """`stop`, and let connections go."""
        self.stop()
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._http.aclose(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _post(self, address: str, body: Mapping[str, Any]) -> Answer:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if self._is_stopped:
                raise Stopped
            async with asyncio.timeout(self._timeout_seconds):
                return await self._receive(address, body)
        finally:
            self._tasks.discard(task)

    async def _receive(self, address: str, body: Mapping[str, Any]) -> Answer:
        async with self._http.stream("POST", address, json=body) as response:
            if response.headers.get("content-encoding", "identity") != "identity":
                raise httpx.DecodingError("it packs its reply, which was not asked for")
            parts, size = [], 0
            async for part in response.aiter_raw():
                size += len(part)
                if size > MOST_BYTES:
                    raise TooMuch(f"it sends more than {MOST_BYTES >> 20} MiB")
                parts.append(part)
            text = self._hide(b"".join(parts).decode("utf-8", "replace"))
            return Answer(response.status_code, text, response.headers.get("retry-after"))

    def _cancel_all(self) -> None:
        for task in self._tasks:
            task.cancel()


def key_mask(key: str | None) -> Callable[[str], str]:
    """A function that puts `[API key]` where a text holds the key, however JSON or an address would spell it.

    What is shorter than six characters, such as the "EMPTY" that local servers take, is no secret and stays.
    """
    if key is None or len(key) < _SHORTEST_SECRET:
        return lambda text: text
    letters = (rf"\\?{re.escape(letter)}|(?i:\\u|%u)00{ord(letter):02x}|(?i:%{ord(letter):02x})" for letter in key)
    spelled = re.compile("".join(f"(?:{letter})" for letter in letters))

    def hide(text: str) -> str:
        # Without these two signs it can only stand as it is, and long replies are read faster.
        return spelled.sub(MASK, text) if "\\" in text or "%" in text else text.replace(key, MASK)

    return hide
