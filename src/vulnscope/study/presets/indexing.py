"""Which rows and tokens an indexing edits: as an earlier code wrote it, or as it was meant.

A row answers alike whatever runs beside it, so an indexing in larger batches is not run: the samples it steers answer
as in batches of one, all others as without steering.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from vulnscope.models import Edit, Site, add
from vulnscope.records.base import Record

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


class Indexing(Record):
    """Rows of a batch and tokens of a row that get the vector."""

    name: str
    what: str
    tokens: Literal["last", "all"] = Field(description="last: of every call with a cache, so each new token too")
    row: Literal["first", "last"] | None = Field(default=None, description="of a batch of several; None: every row")
    alone: str = Field(default="", description="for `row`: the indexing that does the same in batches of one")
    is_held_out: bool = Field(default=False, description="whether vectors are fitted on the other weaknesses")

    @property
    def selectors(self) -> tuple[str, ...]:
        """The tokens to edit: at the end of the prompt, then each new one."""
        return ("all",) if self.tokens == "all" else ("last", "generated")

    def steered(self, n: int, batch: int) -> list[bool]:
        """Which of `n` samples, asked in their order in batches, are edited."""
        if self.row is None:
            return [True] * n
        starts = range(0, n, batch)
        chosen = {start if self.row == "first" else min(start + batch, n) - 1 for start in starts}
        return [number in chosen for number in range(n)]


def make_edits(
    indexing: Indexing, vectors: Mapping[int, Float[Tensor, "n d_model"]], *, is_growing: bool
) -> list[Edit]:
    """The edits that add a vector per layer and sample in batches of one. Scored answers of prompts grow by nothing."""
    return [
        add(Site(layer), rows, 1.0, selector, unit="raw")
        for layer, rows in vectors.items()
        for selector in indexing.selectors
        if is_growing or selector != "generated"
    ]
