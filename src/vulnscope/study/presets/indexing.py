"""Which rows and tokens an indexing edits: as the earlier code wrote it, and as it was meant.

The earlier hook added its vector to `output[0][-1]`. Where a layer returns a tuple, `output[0]` holds the hidden
states (batch, seq, d_model), so that `[-1]` is the last *row*: every token of it, prompt and answer. Where a layer
returns a plain tensor, `output[0]` is the first row and `[-1]` its last token. In a batch of one, the first edits
every token and the second the last one; in a larger batch, all rows but one stay as they are.

A row answers alike whatever runs beside it, so an indexing in larger batches is not run: the samples it steers answer
as in batches of one, all others as without steering.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from vulnscope.models import Edit, Site, add

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


class Indexing(NamedTuple):
    """Rows of a batch and tokens of a row that get the vector."""

    what: str
    is_right: bool
    batch: int
    row: int
    selectors: tuple[str, ...]
    is_held_out: bool = False
    alone: str = ""
    """The indexing that does the same to each sample in batches of one; empty where this one is such."""

    def steered(self, n: int) -> list[bool]:
        """Which of `n` samples, asked in their order in batches, are edited."""
        if self.batch == 1:
            return [True] * n
        starts = range(0, n, self.batch)
        chosen = {start if self.row == 0 else min(start + self.batch, n) - 1 for start in starts}
        return [number in chosen for number in range(n)]


_TOKENS = ("last", "generated")
"""The last token of every call with a cache: the end of the prompt, then each new token."""


def list_indexings(batch: int) -> dict[str, Indexing]:
    """All indexings by name. A plain tensor in batches of one is the right one, and not listed twice."""
    same, every = "right, same samples", "as-written, tuple, batches of 1"
    return {
        "right": Indexing(
            "last token of every row; vectors fitted on the other CWEs", True, 1, -1, _TOKENS, is_held_out=True
        ),
        same: Indexing(
            "last token of every row (a plain tensor in batches of 1); vectors fitted on the samples they steer",
            True, 1, -1, _TOKENS,
        ),
        every: Indexing("every token of every row", False, 1, -1, ("all",)),
        f"as-written, tuple, batches of {batch}": Indexing(
            f"every token of the last of {batch} rows", False, batch, -1, ("all",), alone=every
        ),
        f"as-written, tensor, batches of {batch}": Indexing(
            f"last token of the first of {batch} rows", False, batch, 0, _TOKENS, alone=same
        ),
    }  # fmt: skip


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
