"""Names and small literals: pools of ordinary words, and the lazy draw that keeps all names of one sample distinct."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from random import Random
from typing import Annotated

from pydantic import BeforeValidator, Field

from vulnscope.records.base import Record
from vulnscope.records.data_files import read_data_file

_Split = Annotated[tuple[str, ...], BeforeValidator(lambda text: text.split() if isinstance(text, str) else text)]


class Words(Record):
    """What slots are filled with, by the slot's name; each a choice, written with spaces between."""

    pools: Mapping[str, _Split] = Field(description="words of which a sample uses each once at most")
    literals: Mapping[str, _Split] = Field(description="numbers, as often as they are drawn")


@cache
def load_words() -> Words:
    """The words of `words.yaml`."""
    return read_data_file(files("vulnscope.corpora.synthetic") / "words.yaml", Words, "words")


def is_slot(name: str) -> bool:
    """Whether `Names` has something for the slot `name`."""
    words, stem = load_words(), _stem(name)
    return stem == "function" or stem in words.pools or stem in words.literals


class Names(dict[str, str]):
    """Slot -> text, drawn on first use: `$number2` takes a word of pool `number` that this sample does not use yet."""

    def __init__(self, rng: Random, reserved: Iterable[str]) -> None:
        super().__init__()
        self._rng = rng
        self._taken = set(reserved)
        self._words = load_words()

    def __missing__(self, slot: str) -> str:
        stem = _stem(slot)
        if stem == "function":
            text = self.draw_function()
        elif stem in self._words.literals:
            text = self._rng.choice(self._words.literals[stem])
        else:
            text = self.draw(stem)
        self[slot] = text
        return text

    def draw(self, pool: str) -> str:
        """A word of `pool` not drawn before in this sample."""
        word = self._rng.choice([word for word in self._words.pools[pool] if word not in self._taken])
        self._taken.add(word)
        return word

    def draw_function(self) -> str:
        """A function name of a verb and a noun not drawn before."""
        return f"{self.draw('verb')}_{self.draw('noun')}"


def _stem(slot: str) -> str:
    """The slot without its number."""
    return slot.rstrip("0123456789")
