"""Selected positions of a batch of texts as tables, and what they pick out of one forward call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from vulnscope.models.edit.operations import Where
from vulnscope.models.forward.call_layout import Call
from vulnscope.models.text.selectors import Selector, pick

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

    from vulnscope.models.text.items import TokenText


@dataclass(frozen=True, eq=False)
class Table:
    """Selected positions of each text; the last column stands for every later position. None selects everything."""

    picked: Bool[Tensor, "n_items positions"] | None

    def mask(self, call: Call, items: Int[Tensor, " batch"]) -> Bool[Tensor, "batch seq"] | None:
        """Which columns of the call are selected; None where all of them are."""
        if self.picked is None:
            return call.real
        columns = call.positions.clamp(max=self.picked.shape[1] - 1)
        found = self.picked[items[:, None], columns]
        return found if call.real is None else found & call.real


@dataclass(frozen=True, eq=False)
class Chosen:
    """The selected tokens of one call: their rows and columns (None where all), and what they are."""

    index: tuple[Int[Tensor, " n"], Int[Tensor, " n"]] | None
    where: Where

    def gather(self, hidden: Float[Tensor, "batch seq d_model"]) -> Float[Tensor, "n d_model"]:
        """The selected vectors."""
        return hidden.flatten(0, 1) if self.index is None else hidden[self.index]

    def put(
        self, hidden: Float[Tensor, "batch seq d_model"], vectors: Float[Tensor, "n d_model"]
    ) -> Float[Tensor, "batch seq d_model"]:
        """The hidden states with the selected vectors replaced, out of place."""
        vectors = vectors.to(hidden.dtype)
        return vectors.view_as(hidden) if self.index is None else hidden.index_put(self.index, vectors)


def make_table(
    selector: Selector, items: Sequence[TokenText], active: Sequence[bool] | None, device: torch.device
) -> tuple[Table, list[Int[np.ndarray, " n"]]]:
    """The table of `selector` on `items`, of which only those that are active count, and the positions themselves."""
    picks = [pick(item, selector, number) for number, item in enumerate(items)]
    if active is not None:
        picks = [picked & is_active for picked, is_active in zip(picks, active, strict=True)]
    positions = [np.flatnonzero(picked) for picked in picks]
    if selector.kind == "all" and (active is None or all(active)):
        return Table(None), positions
    width = max(len(item.tokens) for item in items)
    table = np.zeros((len(items), width + 1), dtype=bool)
    for row, picked in enumerate(picks):
        table[row, : len(picked)] = picked
        if selector.is_open and (active is None or active[row]):
            table[row, len(picked) :] = True
    return Table(torch.from_numpy(table).to(device)), positions


def fixed_table(selector: Selector, device: torch.device) -> Table:
    """The table of a selector that means the same in every text."""
    if selector.kind == "all":
        return Table(None)
    table = torch.zeros(1, max(selector.numbers) + 2, dtype=torch.bool)
    table[0, selector.numbers] = True
    return Table(table.to(device))


def choose(table: Table, call: Call, items: Int[Tensor, " batch"], rows: Int[Tensor, " batch"]) -> Chosen | None:
    """What `table` picks out of `call`, whose row i is text `items[i]` with parameters `rows[i]`; None for nothing."""
    mask = table.mask(call, items)
    if mask is None:
        each = rows[:, None].expand_as(call.positions)
        return Chosen(None, Where(each.flatten(), call.positions.flatten()))
    row, column = mask.nonzero(as_tuple=True)
    if not len(row):
        return None
    return Chosen((row, column), Where(rows[row], call.positions[row, column]))
