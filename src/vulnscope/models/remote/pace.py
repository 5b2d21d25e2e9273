"""How fast requests may start: a steady rate, and a pause for all when the server asks for one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MOST_SECONDS = 120.0
_FIRST_SECONDS = 1.0


class Pace:
    """Shared by all threads. `clock` gives seconds, `sleep` waits."""

    def __init__(
        self, requests_per_minute: float | None, clock: Callable[[], float], sleep: Callable[[float], object]
    ) -> None:
        self._interval = 60.0 / requests_per_minute if requests_per_minute else 0.0
        self._clock = clock
        self._sleep = sleep
        self._next = clock()
        self._lock = threading.Lock()

    def wait_turn(self) -> None:
        """Wait until this request may start."""
        with self._lock:
            now = self._clock()
            start = max(now, self._next)
            self._next = start + self._interval
        if start > now:
            self._sleep(start - now)

    def pause(self, seconds: float) -> None:
        """Let no request start for so long."""
        with self._lock:
            self._next = max(self._next, self._clock() + seconds)


def back_off_seconds(attempt: int, retry_after: str | None, now: datetime | None = None) -> float:
    """How long to wait after failed try number `attempt` (from 1): as the server says, else doubling from a second."""
    asked = _read_retry_after(retry_after, now or datetime.now(UTC))
    return min(MOST_SECONDS, _FIRST_SECONDS * 2 ** (attempt - 1) if asked is None else asked)


def _read_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds of a Retry-After header, which holds a number or a date; None where it holds neither."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (ValueError, TypeError):
        return None
