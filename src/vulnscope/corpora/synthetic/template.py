"""What every template is: an id, what it is about, and a way to draw a pair of twins."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from random import Random
from typing import ClassVar, Literal

from vulnscope.records.base import Record

Difficulty = Literal["plain", "bound"]


@dataclass(frozen=True)
class Twin:
    """The two sides of a pair, with the 1-based lines that the other side does not have."""

    vulnerable: str
    fixed: str
    changed_vulnerable: tuple[int, ...]
    changed_fixed: tuple[int, ...]


class Template(Record, ABC):
    """A family of pairs with one flaw and one fix. `text` is the frame of the code, in the notation of the subclass."""

    difficulty: ClassVar[Difficulty]

    id: str
    cwe: str
    language: Literal["python", "c"]
    text: str
    held_out: bool = False

    @abstractmethod
    def build(self, rng: Random) -> Twin:
        """A pair drawn with `rng`."""
