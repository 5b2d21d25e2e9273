"""Keys and values of shared prefixes, kept once per distinct token and forked by gathering.

A pool holds the keys and values of every token computed so far, per layer. A call gathers for each of its rows
the tokens of that row's prefix, right-aligned, so that no row has a hole between prefix and new tokens: index
distances then equal position distances, which sliding windows and linear biases rely on. Nothing is ever cropped,
and the gathered copy of one layer is freed before the next layer runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin

if TYPE_CHECKING:
    from jaxtyping import Float, Int


@dataclass
class TokenPool:
    """Storage for the keys and values of `capacity` tokens; a layer's tensors appear with its first write."""

    capacity: int
    keys: dict[int, Tensor] = field(default_factory=dict)
    values: dict[int, Tensor] = field(default_factory=dict)

    def write(self, layer: int, slots: Int[Tensor, " n"], keys: Tensor, values: Tensor) -> None:
        """Store rows of `keys` and `values`, each (n, heads, width), in `slots`."""
        for store, rows in ((self.keys, keys), (self.values, values)):
            if layer not in store:
                store[layer] = rows.new_empty(self.capacity, *rows.shape[1:])
            store[layer].index_copy_(0, slots, rows)


@dataclass(frozen=True)
class Fork:
    """Which pool slots one call reads and writes.

    `read` (batch, past + new) lists for each row the slots of its prefix, right-aligned; padding, and the columns of
    the new tokens, name any slot written before. New tokens that later calls read are found at `written` in the
    flattened (batch × new) of the call and stored in the slots `write`.
    """

    n_past: int
    read: Int[Tensor, "batch total"]
    write: Int[Tensor, " n"]
    written: Int[Tensor, " n"]


class ForkedLayer(CacheLayerMixin):
    """One layer of a `ForkedCache`."""

    def __init__(self, pool: TokenPool, fork: Fork, layer: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.pool, self.fork, self.layer = pool, fork, layer
        self.n_tokens = fork.n_past
        self.is_initialized = True

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Nothing to do: the pool allocates at its first write."""

    def update(
        self, key_states: Float[Tensor, "batch heads new width"], value_states: Tensor, *_: Any, **__: Any
    ) -> tuple[Tensor, Tensor]:
        """Store the new tokens that later calls read, and return keys and values of prefix and new tokens."""
        self.n_tokens += key_states.shape[-2]
        if len(self.fork.write):
            new = [states.transpose(1, 2).flatten(0, 1)[self.fork.written] for states in (key_states, value_states)]
            self.pool.write(self.layer, self.fork.write, new[0], new[1])
        if self.fork.n_past == 0:
            return key_states, value_states
        keys, values = self.pool.keys[self.layer], self.pool.values[self.layer]
        return self._gather(keys, key_states), self._gather(values, value_states)

    def _gather(
        self, store: Float[Tensor, "slots heads width"], new: Float[Tensor, "batch heads new width"]
    ) -> Float[Tensor, "batch heads total width"]:
        """The prefix of each row out of `store`, then `new`; one copy, not one for gathering and one for joining."""
        rows = store.index_select(0, self.fork.read.flatten()).view(*self.fork.read.shape, *store.shape[1:])
        rows[:, self.fork.n_past :] = new.transpose(1, 2)
        return rows.transpose(1, 2)

    def get_seq_length(self) -> int:
        """Tokens in the cache, padding included."""
        return self.n_tokens

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Length and offset of the keys the next mask covers."""
        return self.n_tokens + query_length, 0

    def get_max_length(self) -> int:
        """No maximum."""
        return -1


class ForkedCache(Cache):
    """What a model takes for its KV cache during one call: `fork` over `pool` in each of `n_layers` layers."""

    def __init__(self, pool: TokenPool, fork: Fork, n_layers: int) -> None:
        super().__init__(layers=[ForkedLayer(pool, fork, layer) for layer in range(n_layers)])
