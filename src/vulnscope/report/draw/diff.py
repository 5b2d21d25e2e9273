"""Two versions of a piece of code side by side, with the changed part of changed lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Literal, NamedTuple

# Below this share of common words two lines have little to do with each other: colouring parts would be noise.
_SIMILAR = 0.4
# Beyond these sizes difflib takes seconds: popular lines stop being anchors, long lines are marked whole.
_MANY_LINES = 2000
_MANY_WORDS = 2000
_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
# Not str.splitlines: form feeds and U+2028 end no line of code.
_LINE_ENDS = re.compile(r"\r\n|\r|\n")

Segments = tuple[str, ...]


class DiffRow(NamedTuple):
    """One row of the table. A side is its line cut into segments, every second one changed; None where it has no line.

    An equal row holds its text once, on the left.
    """

    kind: Literal["equal", "changed"]
    left: Segments | None
    right: Segments | None


def diff_lines(left: str, right: str) -> tuple[DiffRow, ...]:
    """The rows that show `left` beside `right`; joining the segments of a side gives back its lines."""
    before, after = _lines(left), _lines(right)
    matcher = SequenceMatcher(None, before, after, autojunk=max(len(before), len(after)) > _MANY_LINES)
    return tuple(
        row
        for tag, i1, i2, j1, j2 in matcher.get_opcodes()
        for row in (_equal(before[i1:i2]) if tag == "equal" else _changed(before[i1:i2], after[j1:j2]))
    )


def _lines(code: str) -> list[str]:
    lines = _LINE_ENDS.split(code)
    return lines[:-1] if lines[-1] == "" else lines


def _equal(lines: Sequence[str]) -> Iterator[DiffRow]:
    return (DiffRow("equal", (line,), None) for line in lines)


def _changed(before: Sequence[str], after: Sequence[str]) -> Iterator[DiffRow]:
    for left, right in zip_longest(before, after):
        if left is None or right is None:
            yield DiffRow("changed", _whole(left), _whole(right))
        else:
            yield DiffRow("changed", *_segments(left, right))


def _whole(line: str | None) -> Segments | None:
    return None if line is None else ("", line)


def _segments(left: str, right: str) -> tuple[Segments, Segments]:
    before, after = _WORDS.findall(left), _WORDS.findall(right)
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    if max(len(before), len(after)) > _MANY_WORDS or matcher.ratio() < _SIMILAR:
        return ("", left), ("", right)
    # Matching blocks alternate with gaps; each block starts at an even place, each gap at an odd one.
    sides: tuple[list[str], list[str]] = ([], [])
    end_left = end_right = 0
    for block in matcher.get_matching_blocks():
        sides[0].append("".join(before[end_left : block.a]))
        sides[1].append("".join(after[end_right : block.b]))
        end_left, end_right = block.a + block.size, block.b + block.size
        sides[0].append("".join(before[block.a : end_left]))
        sides[1].append("".join(after[block.b : end_right]))
    return ("", *sides[0]), ("", *sides[1])
