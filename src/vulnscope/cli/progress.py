"""Progress on stderr: a bar with how far, how fast and how long to go, also where one step takes minutes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.table import Column
from rich.text import Text

from vulnscope.cli.common import stderr

_WINDOW_SECONDS = 30.0
_LEAST_CHANGES = 5


class Pace:
    """How fast steps are done: over the last half minute, and over the last five changes where they are rarer.

    Steps that were done before the first `note`, such as those of a resumed run, do not count.
    """

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, now_seconds: float, done: int) -> None:
        """Hear that `done` steps are done; a number below the last one begins anew."""
        if self._seen and done == self._seen[-1][1]:
            return
        if self._seen and done < self._seen[-1][1]:
            self._seen.clear()
        self._seen.append((now_seconds, done))
        while len(self._seen) > _LEAST_CHANGES + 1 and self._seen[1][0] < now_seconds - _WINDOW_SECONDS:
            self._seen.popleft()

    @property
    def seconds_each(self) -> float | None:
        """Seconds per step; None before the first change."""
        if len(self._seen) < 2:
            return None
        (first_seconds, first), (last_seconds, last) = self._seen[0], self._seen[-1]
        return (last_seconds - first_seconds) / (last - first) or None

    def seconds_left(self, now_seconds: float, total: int) -> float | None:
        """Seconds until `total` steps are done, less what has passed since the last change; None where unknown."""
        each = self.seconds_each
        if each is None:
            return None
        changed_seconds, done = self._seen[-1]
        per_change = (changed_seconds - self._seen[0][0]) / (len(self._seen) - 1)
        return max(0.0, (total - done) * each - min(now_seconds - changed_seconds, per_change))

    def describe(self, now_seconds: float, total: int | None) -> str:
        """Rate and time left in words; empty before the first change."""
        each = self.seconds_each
        left = None if total is None else self.seconds_left(now_seconds, total)
        if each is None or left is None:
            return ""
        rate = f"{1 / each:.1f}/s" if each <= 1 else f"{each:.1f} s each"
        return f"{timedelta(seconds=round(left))} left, {rate}"


class _PaceColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        pace: Pace = task.fields["pace"]
        total = None if task.total is None else int(task.total)
        return Text(pace.describe(time.monotonic(), total), style="progress.remaining")


@contextmanager
def staged_progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on stderr that names the stage it shows, with rate and time left; silent where stderr is no terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None, table_column=Column(ratio=1)),  # what the words leave
        MofNCompleteColumn(),
        _PaceColumn(),
    )
    with Progress(*columns, console=stderr, transient=True, expand=True, disable=not stderr.is_terminal) as bar:
        task = bar.add_task("opening", total=None, pace=Pace())
        stage = ""

        def tell(name: str, done: int, total: int) -> None:
            nonlocal stage
            if name != stage:
                stage = name
                bar.reset(task, total=total, description=name, pace=Pace())
            bar.tasks[0].fields["pace"].note(time.monotonic(), done)
            bar.update(task, completed=done, total=total)

        yield tell


@contextmanager
def counted_progress(name: str) -> Iterator[Callable[[int, int], None]]:
    """The same bar for work of one stage."""
    with staged_progress() as tell:
        yield lambda done, total: tell(name, done, total)
