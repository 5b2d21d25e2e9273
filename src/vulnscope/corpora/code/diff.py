"""Which lines two twins do not share."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Literal, NamedTuple

from vulnscope.corpora.code.text import split_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CONTEXT_LINES = 2
"""Shared lines on each side of a change that belong to the selector `changed` (MEASURES, "Know")."""


class TwinLines(NamedTuple):
    """1-based lines of each twin, ascending."""

    before: tuple[int, ...]
    after: tuple[int, ...]


class Block(NamedTuple):
    """A run of lines that are shared, or that stand in each other's place; half-open, 0-based, possibly empty."""

    kind: Literal["shared", "changed"]
    before: range
    after: range


def changed_lines(before: str, after: str) -> TwinLines:
    """The lines of each twin that the other does not have; a pure insertion leaves one side empty."""
    changed = [block for block in align(before, after) if block.kind == "changed"]
    return _number(changed)


def changed_window(before: str, after: str, n_context: int = CONTEXT_LINES) -> TwinLines:
    """Changed lines and up to `n_context` shared lines on each side, the same shared lines in both twins.

    Empty for twins that are equal.
    """
    return _number(_windows(align(before, after), n_context))


def align(before: str, after: str) -> tuple[Block, ...]:
    """Blocks that cover both twins in order, shared and changed in turn; line ends do not count as content."""
    old, new = split_lines(before), split_lines(after)
    head = _count_equal(old, new)
    tail = _count_equal(old[head:][::-1], new[head:][::-1])
    # Equal ends are taken off first: twins are long and differ little, and difflib is quadratic at worst.
    old_middle, new_middle = old[head : len(old) - tail], new[head : len(new) - tail]
    blocks = [Block("shared", range(head), range(head))]
    matcher = SequenceMatcher(None, old_middle, new_middle, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        kind: Literal["shared", "changed"] = "shared" if tag == "equal" else "changed"
        blocks.append(Block(kind, range(head + i1, head + i2), range(head + j1, head + j2)))
    blocks.append(Block("shared", range(len(old) - tail, len(old)), range(len(new) - tail, len(new))))
    return tuple(_join([block for block in blocks if block.before or block.after]))


def _windows(blocks: Sequence[Block], n_context: int) -> Iterator[Block]:
    for index, block in enumerate(blocks):
        if block.kind == "changed":
            yield block
            continue
        length = len(block.before)
        head = min(n_context, length) if index > 0 else 0
        tail = min(n_context, length - head) if index < len(blocks) - 1 else 0
        yield Block("shared", block.before[:head], block.after[:head])
        yield Block("shared", block.before[length - tail :], block.after[length - tail :])


def _number(blocks: Sequence[Block] | Iterator[Block]) -> TwinLines:
    blocks = tuple(blocks)
    return TwinLines(
        before=tuple(line + 1 for block in blocks for line in block.before),
        after=tuple(line + 1 for block in blocks for line in block.after),
    )


def _join(blocks: Sequence[Block]) -> Iterator[Block]:
    """Neighbouring blocks of one kind as one."""
    current: Block | None = None
    for block in blocks:
        if current is None or current.kind != block.kind:
            if current is not None:
                yield current
            current = block
        else:
            current = Block(
                current.kind,
                range(current.before.start, block.before.stop),
                range(current.after.start, block.after.stop),
            )
    if current is not None:
        yield current


def _count_equal(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the common beginning."""
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return index
    return min(len(one), len(other))
