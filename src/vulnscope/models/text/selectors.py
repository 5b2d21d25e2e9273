"""Which token positions of an item: the last, all, the changed lines, the answer, named parts, or explicit spans.

Positions are absolute: 0 is the first token of the sequence, whatever the batch, the padding or the cache. `last` is
the last token of the prompt, also when an answer follows or tokens are generated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, Self, get_args

import numpy as np
from pydantic import Field, ValidationError, model_validator

from vulnscope.errors import InputError
from vulnscope.models.text.items import ANSWER, TokenText
from vulnscope.records.base import Record

if TYPE_CHECKING:
    from jaxtyping import Bool, Int

Plain = Literal["last", "all", "changed", "answer", "prompt", "generated"]
Ranged = Literal["characters", "lines", "positions"]
PLAIN: tuple[str, ...] = get_args(Plain)


class Selector(Record):
    """A rule that picks token positions of any item."""

    kind: Plain | Ranged | Literal["part"]
    ranges: tuple[tuple[int, int], ...] = Field(default=(), description="half-open; lines count from 1")
    part: str = Field(default="", description="name of a span of the prompt, such as code or question")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.kind in get_args(Ranged)) != bool(self.ranges) or (self.kind == "part") != bool(self.part):
            raise ValueError(f"selector {self.kind!r} and its ranges or part do not fit")
        first = 1 if self.kind == "lines" else 0
        if any(not first <= start < stop for start, stop in self.ranges):
            raise ValueError(f"{self.kind} {self.ranges}: each range must start at {first} or later and hold something")
        return self

    def __str__(self) -> str:
        if self.ranges:
            return f"{self.kind} {', '.join(f'{start}..{stop - 1}' for start, stop in self.ranges)}"
        return f"part {self.part}" if self.part else self.kind

    @property
    def numbers(self) -> list[int]:
        """Every number inside the ranges."""
        return [number for start, stop in self.ranges for number in range(start, stop)]

    @property
    def is_open(self) -> bool:
        """Whether tokens after the item's own, generated later, are selected too."""
        return self.kind in ("all", "generated")

    @property
    def needs_items(self) -> bool:
        """Whether positions depend on more than their number."""
        return self.kind not in ("all", "positions")


def characters(*ranges: tuple[int, int]) -> Selector:
    """Tokens overlapping any of the half-open character ranges of the text."""
    return _build(kind="characters", ranges=ranges)


def lines(*numbers: int) -> Selector:
    """Tokens overlapping any of the lines, counted from 1 inside the part `code`, or in the text without one."""
    return _build(kind="lines", ranges=tuple((number, number + 1) for number in sorted(set(numbers))))


def positions(*numbers: int) -> Selector:
    """The tokens at these absolute positions."""
    return _build(kind="positions", ranges=tuple((number, number + 1) for number in sorted(set(numbers))))


def part(name: str) -> Selector:
    """Tokens overlapping a named part of the prompt, such as `code` or `question`."""
    return _build(kind="part", part=name)


def as_selector(given: str | Selector) -> Selector:
    """The selector called `given`; raises `InputError` listing the names."""
    if isinstance(given, Selector):
        return given
    if given not in PLAIN:
        raise InputError(
            f"unknown selector {given!r}; choose one of: {', '.join(PLAIN)}, or characters(), lines(), positions(), "
            "part() of vulnscope.models.text.selectors"
        )
    return Selector.model_validate({"kind": given})


def select(item: TokenText, selector: str | Selector, number: int = 0) -> Int[np.ndarray, " n"]:
    """Positions that `selector` picks, ascending; raises `InputError` naming the item where there are none."""
    selector = as_selector(selector)
    found = np.flatnonzero(pick(item, selector, number))
    if not len(found):
        raise InputError(f"selector {selector} matches no token of {item.label(number)}{_explain(item, selector)}")
    return found


def pick(item: TokenText, selector: Selector, number: int = 0) -> Bool[np.ndarray, " n"]:
    """Which of the item's tokens `selector` picks; possibly none."""
    n, place = len(item.tokens), np.arange(len(item.tokens))
    try:
        return _PICKERS[selector.kind](item, selector, n, place)
    except InputError as error:
        raise InputError(f"selector {selector} on {item.label(number)}: {error}") from error


def select_all(items: Sequence[TokenText], selector: str | Selector) -> list[Int[np.ndarray, " n"]]:
    """`select` for each item; checks all of them before anything else runs."""
    return [select(item, selector, number) for number, item in enumerate(items)]


_Picker = Callable[[TokenText, Selector, int, "Int[np.ndarray, ' n']"], "Bool[np.ndarray, ' n']"]


def _pick_answer(item: TokenText, _: Selector, __: int, place: Int[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    start, stop = item.spans.get(ANSWER, (0, 0))
    return item.overlap(start, stop) if stop > start else place >= item.prompt_length


def _pick_changed(item: TokenText, _: Selector, __: int, ___: Int[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    if item.changed_lines is None and item.changed_window is None:
        raise InputError("its changed lines are unknown; give changed_lines= or changed_window=")
    return item.overlap_lines(item.window_lines)


def _pick_characters(item: TokenText, selector: Selector, n: int, _: Int[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    found = np.zeros(n, dtype=bool)
    for start, stop in selector.ranges:
        found |= item.overlap(start, stop)
    return found


def _pick_part(item: TokenText, selector: Selector, _: int, __: Int[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    if selector.part not in item.spans:
        raise InputError(f"it has no part {selector.part!r}; its parts are: {', '.join(item.spans) or 'none'}")
    return item.overlap(*item.spans[selector.part])


_PICKERS: dict[str, _Picker] = {
    "last": lambda item, _, __, place: place == item.prompt_length - 1,
    "all": lambda _, __, ___, place: place >= 0,
    "prompt": lambda item, _, __, place: place < item.prompt_length,
    "generated": lambda item, _, __, place: place >= item.prompt_length,
    "answer": _pick_answer,
    "changed": _pick_changed,
    "characters": _pick_characters,
    "lines": lambda item, selector, _, __: item.overlap_lines(selector.numbers),
    "positions": lambda _, selector, __, place: np.isin(place, selector.numbers),
    "part": _pick_part,
}


def _explain(item: TokenText, selector: Selector) -> str:
    if selector.kind in ("answer", "generated"):
        return ": it has a prompt only"
    if selector.kind == "changed":
        return ": it has no changed line; leave it out, or pass changed_window= from the diff of both twins"
    if selector.kind == "lines":
        return f": it has {item.n_lines} lines"
    if selector.kind == "positions":
        return f": it has {len(item.tokens)} tokens"
    return ""


def _build(**fields: object) -> Selector:
    try:
        return Selector.model_validate(fields)
    except ValidationError as error:
        reason = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
        raise InputError(f"not a selector: {reason}") from error
