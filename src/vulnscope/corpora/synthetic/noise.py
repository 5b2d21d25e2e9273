"""Distractors: statements, helpers and comments that change nothing about the label."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from random import Random
from string import Template as Slots

from pydantic import Field

from vulnscope.corpora.synthetic.names import Names
from vulnscope.records.base import Record
from vulnscope.records.data_files import read_data_file

TOKEN = re.compile(r"\w+|[^\w\s]")

_MAX_VARIABLES = 2


class Distractors(Record):
    """What is drawn for code of one language: statements about `$v`, and helpers called `$h`."""

    comment: str = Field(description="a comment, {} where its text goes")
    declare: tuple[str, ...] = Field(min_length=1)
    statements: tuple[str, ...] = Field(min_length=1)
    call: str
    helpers: tuple[str, ...] = Field(min_length=1)
    blank_lines: int = Field(ge=0, description="below a helper")


class AllDistractors(Record):
    """What is drawn, by language, and the texts of comments in any."""

    languages: Mapping[str, Distractors]
    comments: tuple[str, ...] = Field(min_length=1)


@cache
def load_distractors() -> AllDistractors:
    """The statements, helpers and comments of `distractors.yaml`."""
    return read_data_file(files("vulnscope.corpora.synthetic") / "distractors.yaml", AllDistractors, "distractors")


class Noise:
    """A seeded source of distractors for one sample; remembers which variables it has declared."""

    def __init__(self, rng: Random, names: Names, language: str) -> None:
        self._rng = rng
        self._names = names
        self._comments = load_distractors().comments
        self._own = load_distractors().languages[language]
        self._variables: list[str] = []
        self._helper: str | None = None

    def helper(self) -> str:
        """A small unrelated function, or nothing."""
        if self._rng.random() < 0.7:
            return ""
        self._helper = self._names.draw_function()
        return self._fill(self._rng.choice(self._own.helpers)) + "\n" * (1 + self._own.blank_lines)

    def statement(self) -> str:
        """One distractor, possibly of two lines."""
        roll = self._rng.random()
        if not self._variables or (roll < 0.25 and len(self._variables) < _MAX_VARIABLES):
            self._variables.append(self._names.draw("plain"))
            return self._fill(self._rng.choice(self._own.declare), newest=True)
        if roll > 0.9:
            return self._own.comment.format(self._fill(self._rng.choice(self._comments)))
        if self._helper and roll > 0.75:
            return self._fill(self._own.call)
        return self._fill(self._rng.choice(self._own.statements))

    def some(self, least: int, most: int) -> str:
        """Between `least` and `most` distractors."""
        return "\n".join(self.statement() for _ in range(self._rng.randint(least, most)))

    def stretch(self, least_tokens: int, most_tokens: int) -> str:
        """Distractors of at least `least_tokens` tokens; the wanted length is uniform up to `most_tokens`."""
        wanted = self._rng.randint(least_tokens, most_tokens)
        statements: list[str] = []
        while sum(len(TOKEN.findall(statement)) for statement in statements) < wanted:
            statements.append(self.statement())
        return "\n".join(statements)

    def _fill(self, text: str, *, newest: bool = False) -> str:
        """`text` with variables, numbers and the helper's name put in."""
        # The helper is drawn before any variable is declared, and names none.
        variable = self._variables[-1] if newest else self._rng.choice(self._variables or [""])
        return Slots(text).substitute(
            v=variable,
            h=self._helper or "",
            k=str(self._rng.randint(2, 40)),
            j=str(self._rng.randint(2, 9)),
        )
