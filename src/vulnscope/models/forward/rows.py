"""Rows of one forward call over a pool of keys and values: tokens behind a cached prefix, as a line or as a tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from vulnscope.models.forward.cache import Fork, ForkedCache, TokenPool
from vulnscope.models.forward.forward import run_model
from vulnscope.models.forward.packing import packed_mask

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from transformers import PreTrainedModel

    from vulnscope.models.forward.architecture import Architecture

_NOTHING = torch.zeros(0, dtype=torch.long)


@dataclass(frozen=True, eq=False)
class Row:
    """New tokens with their positions, behind the tokens in the pool's slots `past`.

    The new tokens' keys and values go to the slots `own`, where given. `seen` says which of the new tokens each of
    them sees, where that is not simply all before it.
    """

    tokens: Int[Tensor, " n"]
    positions: Int[Tensor, " n"]
    past: Int[Tensor, " n_past"] = _NOTHING
    own: Int[Tensor, " n"] | None = None
    seen: Bool[Tensor, "n n"] | None = None


@dataclass(frozen=True, eq=False)
class Inputs:
    """What the model is given in one call: rows padded on the right, their prefixes right-aligned."""

    tokens: Int[Tensor, "batch new"]
    positions: Int[Tensor, "batch new"]
    mask: Tensor | None
    fork: Fork | None

    def run(
        self, model: PreTrainedModel, architecture: Architecture, pool: TokenPool
    ) -> Float[Tensor, "batch new vocab"]:
        """Logits of the new tokens."""
        cache = ForkedCache(pool, self.fork, architecture.n_layers) if self.fork else None
        return run_model(model, architecture, self.tokens, self.positions, self.mask, cache)


def stack_rows(rows: Sequence[Row], device: torch.device, dtype: torch.dtype) -> Inputs:
    """The call that runs `rows` together."""
    n_past = max(len(row.past) for row in rows)
    width = max(len(row.tokens) for row in rows)
    has_own = any(row.own is not None for row in rows)
    mask = None
    if any(row.seen is not None for row in rows):
        seen = [torch.ones(len(r.tokens), len(r.tokens)).tril().bool() if r.seen is None else r.seen for r in rows]
        mask = packed_mask(seen, [len(row.past) for row in rows], n_past, dtype).to(device)
    elif n_past:
        mask = _padding_mask(rows, n_past, width).to(device)
    return Inputs(
        tokens=pad_sequence([row.tokens for row in rows], batch_first=True).to(device),
        positions=pad_sequence([row.positions for row in rows], batch_first=True).to(device),
        mask=mask,
        fork=_fork(rows, n_past, width, device) if n_past or has_own else None,
    )


def _padding_mask(rows: Sequence[Row], n_past: int, width: int) -> Int[Tensor, "batch total"]:
    columns = torch.arange(n_past + width)
    first = torch.tensor([n_past - len(row.past) for row in rows])
    stop = torch.tensor([n_past + len(row.tokens) for row in rows])
    return ((columns >= first[:, None]) & (columns < stop[:, None])).long()


def _fork(rows: Sequence[Row], n_past: int, width: int, device: torch.device) -> Fork:
    read = torch.zeros(len(rows), n_past + width, dtype=torch.long)
    write, written = [_NOTHING], [_NOTHING]
    for number, row in enumerate(rows):
        if n_past:
            read[number] = row.past[0]
            read[number, n_past - len(row.past) : n_past] = row.past
        if row.own is not None:
            write.append(row.own)
            written.append(number * width + torch.arange(len(row.own)))
    return Fork(n_past, read.to(device), torch.cat(write).to(device), torch.cat(written).to(device))
