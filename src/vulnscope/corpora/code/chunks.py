"""Cutting code that is too long for a model: around its changed lines, else by function, else from the head.

Twins are cut by the same window in shared coordinates: lines they have in common are one row, lines that replace each
other are side by side, so that neither side shows code the other side's window does not cover. Such a window is placed
with knowledge of the fix; results on it are an oracle slice (MEASURES, "Know").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, groupby
from typing import Literal, NamedTuple

from vulnscope.corpora.code.diff import align
from vulnscope.corpora.code.functions import function_lines
from vulnscope.corpora.code.text import keep_lines, split_lines
from vulnscope.errors import InputError
from vulnscope.records.rows import Truncation

Fits = Callable[[str], bool]
Kind = Literal["changed-window", "function", "head"]


class CutCode(NamedTuple):
    """What is left of a text; `cut` is None where all of it is."""

    text: str
    cut: Truncation | None


class CutTwins(NamedTuple):
    """Both twins under the same window."""

    before: CutCode
    after: CutCode


class _Window(NamedTuple):
    """Half-open rows in shared coordinates."""

    start: int
    stop: int


class _Side(NamedTuple):
    """One text on the shared rows: `reached[row]` lines of it lie above `row`."""

    text: str
    reached: tuple[int, ...]

    def read(self, window: _Window) -> str:
        return keep_lines(self.text, self.reached[window.start] + 1, self.reached[window.stop])

    def cut(self, window: _Window, kind: Kind) -> CutCode:
        first, last = self.reached[window.start] + 1, self.reached[window.stop]
        return CutCode(
            self.read(window), Truncation(kind=kind, first_line=first, last_line=last, n_lines=self.reached[-1])
        )


def cut_code(code: str, language: str, changed_lines: Sequence[int], fits: Fits) -> CutCode:
    """`code` shortened until `fits`: around `changed_lines` where known, else whole functions, else whole lines.

    `fits` must not turn true again as text grows. Raises `InputError` where not one character fits.
    """
    if fits(code):
        return CutCode(code, None)
    n_lines = len(split_lines(code))
    side = _Side(code, tuple(range(n_lines + 1)))
    changes = _runs([line - 1 for line in changed_lines if 1 <= line <= n_lines])
    if (window := _around(changes, n_lines, lambda window: fits(side.read(window)))) is not None:
        return side.cut(window, "changed-window")
    if (window := _by_function(side, language, fits)) is not None:
        return side.cut(window, "function")
    return _head(side, fits)


def cut_twins(before: str, after: str, language: str, fits: Fits) -> CutTwins:
    """Both twins under one window around their differences, so that both fit; untouched where both fit as they are.

    Raises `InputError` where not one character of a twin fits.
    """
    if fits(before) and fits(after):
        return CutTwins(CutCode(before, None), CutCode(after, None))
    one, other, changes = _share_rows(before, after)
    n_rows = len(one.reached) - 1

    def both_fit(window: _Window) -> bool:
        return fits(one.read(window)) and fits(other.read(window))

    window = _around(changes, n_rows, both_fit)
    if window is not None and one.read(window).strip() and other.read(window).strip():
        return CutTwins(one.cut(window, "changed-window"), other.cut(window, "changed-window"))
    if not changes:
        return CutTwins(cut_code(before, language, (), fits), cut_code(after, language, (), fits))
    return CutTwins(_head(one, fits), _head(other, fits))


def _share_rows(before: str, after: str) -> tuple[_Side, _Side, list[_Window]]:
    """Both texts on shared rows, and the windows of rows that differ."""
    has_before: list[bool] = []
    has_after: list[bool] = []
    changes: list[_Window] = []
    for block in align(before, after):
        n_rows = max(len(block.before), len(block.after))
        if block.kind == "changed":
            changes.append(_Window(len(has_before), len(has_before) + n_rows))
        has_before += [row < len(block.before) for row in range(n_rows)]
        has_after += [row < len(block.after) for row in range(n_rows)]
    return _Side(before, _count_up(has_before)), _Side(after, _count_up(has_after)), changes


def _around(changes: Sequence[_Window], n_rows: int, fits: Callable[[_Window], bool]) -> _Window | None:
    """The widest window around as many changes, from the first on, as fit together; None where none can be shown."""
    if not changes:
        return None
    start = changes[0].start
    n_shown = _largest(lambda n: n == 0 or fits(_Window(start, changes[n - 1].stop)), 0, len(changes))
    if n_shown > 0:
        return _widen(_Window(start, changes[n_shown - 1].stop), n_rows, fits)
    # Not even the first change fits whole: show its beginning, under one shared row.
    start = max(start - 1, 0)
    stop = _largest(lambda stop: stop == start or fits(_Window(start, stop)), start, changes[0].stop)
    return _Window(start, stop) if stop > changes[0].start else None


def _widen(window: _Window, n_rows: int, fits: Callable[[_Window], bool]) -> _Window:
    """`window` with as many rows as fit: evenly on both sides, then above, then below."""

    def widened(above: int, below: int) -> _Window:
        return _Window(max(window.start - above, 0), min(window.stop + below, n_rows))

    both = _largest(lambda n: n == 0 or fits(widened(n, n)), 0, n_rows)
    above = _largest(lambda n: n == both or fits(widened(n, both)), both, n_rows)
    below = _largest(lambda n: n == both or fits(widened(above, n)), both, n_rows)
    return widened(above, below)


def _by_function(side: _Side, language: str, fits: Fits) -> _Window | None:
    """The longest run of whole functions that fits, the first of equals; None where no function fits."""
    functions = function_lines(side.text, language)
    best: _Window | None = None
    stop = 0
    for start, first in enumerate(functions):
        stop = max(stop, start)
        while stop < len(functions) and fits(side.read(_Window(first.start - 1, functions[stop].stop - 1))):
            stop += 1
        if stop > start:
            window = _Window(first.start - 1, functions[stop - 1].stop - 1)
            if best is None or window.stop - window.start > best.stop - best.start:
                best = window
    return best


def _head(side: _Side, fits: Fits) -> CutCode:
    """As many whole lines from the start as fit, or the beginning of the first line."""
    n_rows = len(side.reached) - 1
    stop = _largest(lambda stop: stop == 0 or fits(side.read(_Window(0, stop))), 0, n_rows)
    if side.read(_Window(0, stop)).strip():
        return side.cut(_Window(0, stop), "head")
    length = _largest(lambda n: n == 0 or fits(side.text[:n]), 0, len(side.text))
    if not side.text[:length].strip():
        raise InputError("the code cannot be shortened enough: the prompt alone fills the context of the model")
    n_kept = len(split_lines(side.text[:length]))
    return CutCode(
        side.text[:length], Truncation(kind="head", first_line=1, last_line=n_kept, n_lines=side.reached[-1])
    )


def _largest(is_right: Callable[[int], bool], low: int, high: int) -> int:
    """The largest number up to `high` that is right, where `low` is and larger ones stay wrong; by bisection."""
    while low < high:
        middle = (low + high + 1) // 2
        if is_right(middle):
            low = middle
        else:
            high = middle - 1
    return low


def _count_up(flags: Sequence[bool]) -> tuple[int, ...]:
    return tuple(accumulate(flags, initial=0))


def _runs(numbers: Sequence[int]) -> list[_Window]:
    """Ascending runs of consecutive numbers."""
    runs = groupby(enumerate(sorted(set(numbers))), key=lambda item: item[1] - item[0])
    windows = []
    for _, run in runs:
        members = [number for _, number in run]
        windows.append(_Window(members[0], members[-1] + 1))
    return windows
