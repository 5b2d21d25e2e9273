"""One row of a table, asked for by role instead of by column."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from vulnscope.corpora.code.text import RowError, decode


class Cells:
    """Cells of a row under a column map.

    A role without entry in the map is the column of its own name, unless the map gives that column to another role.
    """

    def __init__(self, cells: Mapping[str, Any], columns: Mapping[str, str]) -> None:
        if missing := [column for column in columns.values() if column not in cells]:
            raise RowError(f"no column {missing[0]!r}; there are: {', '.join(cells)}")
        self._cells = cells
        self._columns = columns
        self._taken = frozenset(columns.values())

    def has(self, role: str) -> bool:
        """Whether there is a column for it."""
        return self._column(role) in self._cells and (role in self._columns or role not in self._taken)

    def text(self, role: str) -> str | None:
        """The cell as text, None where it is missing or empty; raises `RowError` on lists and objects."""
        value = self._value(role)
        if isinstance(value, str):
            return value or None
        if isinstance(value, bytes):
            return decode(value) or None
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return None
        if isinstance(value, int | float):
            # Tables that passed through a data frame hold labels as 1.0.
            return str(int(value) if isinstance(value, float) and value.is_integer() else value)
        raise RowError(f"column {self._column(role)!r}: expected text, found {type(value).__name__}")

    def require(self, role: str) -> str:
        """The cell as text; raises `RowError` where it is missing or empty."""
        value = self.text(role)
        if value is None:
            column = self._column(role)
            problem = "is empty" if self.has(role) else f"is missing; there are: {', '.join(self._cells)}"
            raise RowError(f"column {column!r} {problem}")
        return value

    def words(self, role: str) -> list[str]:
        """The cell as several words: a list, or text with commas."""
        value = self._value(role)
        if isinstance(value, list | tuple):
            return [str(word) for word in value]
        return split_words(self.text(role) or "")

    def _column(self, role: str) -> str:
        return self._columns.get(role, role)

    def _value(self, role: str) -> Any:
        return self._cells[self._column(role)] if self.has(role) else None


def split_words(text: str) -> list[str]:
    """Words between commas, semicolons or bars; brackets and quotes of a printed list are taken off."""
    words = (word.strip(" \t'\"[]()") for word in re.split(r"[,;|]", text))
    return [word for word in words if word]
