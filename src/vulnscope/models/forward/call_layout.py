"""What the rows and columns of one forward call are: which text, which absolute position, real token or padding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from vulnscope.errors import SubjectError

if TYPE_CHECKING:
    from jaxtyping import Bool, Int

_CACHES = ("past_key_values", "cache_params", "state")


@dataclass(frozen=True, eq=False)
class Call:
    """One forward call; `real` is None where nothing is padding, `rows` where row i is text i."""

    positions: Int[Tensor, "batch seq"]
    real: Bool[Tensor, "batch seq"] | None = None
    rows: Int[Tensor, " batch"] | None = None


_ANNOUNCED: WeakKeyDictionary[nn.Module, Call] = WeakKeyDictionary()


@contextmanager
def announcing(model: nn.Module, call: Call) -> Iterator[None]:
    """Inside the block forwards of `model` are `call`, whatever their arguments suggest."""
    before = _ANNOUNCED.get(model)
    _ANNOUNCED[model] = call
    try:
        yield
    finally:
        if before is None:
            del _ANNOUNCED[model]
        else:
            _ANNOUNCED[model] = before


def announced(model: nn.Module) -> Call | None:
    """What the next forward of `model` was announced to be."""
    return _ANNOUNCED.get(model)


class CallReader:
    """Derives positions from what a forward is given.

    Position ids win; without them the attention mask counts, then the tokens already in the cache. Caches that do
    not know their length (recurrent states) are followed from call to call.
    """

    def __init__(self) -> None:
        self._last: tuple[Call, Any] | None = None

    def read(self, arguments: Mapping[str, Any]) -> Call:
        """The call; raises `SubjectError` where positions cannot be known."""
        tokens = arguments.get("input_ids")
        tokens = arguments.get("inputs_embeds") if tokens is None else tokens
        if not isinstance(tokens, Tensor):
            raise SubjectError("a forward under edits needs input_ids or inputs_embeds")
        batch, seq = tokens.shape[:2]
        mask = arguments.get("attention_mask")
        mask = mask if isinstance(mask, Tensor) and mask.ndim == 2 else None
        # A single column is a token being decoded; nobody decodes padding.
        real = mask[:, -seq:].bool() if mask is not None and seq > 1 else None
        given = arguments.get("position_ids")
        if isinstance(given, Tensor):
            while given.ndim > 2:  # several position axes; for text they agree
                given = given[0]
            return Call(given.expand(batch, seq), real)
        start = self._start(arguments, batch, tokens.device)
        if mask is not None and (start is None or mask.shape[1] > seq):
            return Call((mask.long().cumsum(-1) - 1).clamp(min=0)[:, -seq:], real)
        steps = torch.arange(seq, device=tokens.device)[None] if mask is None else mask.long().cumsum(-1) - 1
        return Call(((start if start is not None else 0) + steps).expand(batch, seq), real)

    def follow(self, call: Call, output: Any) -> None:
        """Remember `call` and what it returned, its cache included."""
        self._last = (call, output)

    def _start(self, arguments: Mapping[str, Any], batch: int, device: torch.device) -> Tensor | None:
        """Position of the first column of each row, or None where nothing is in the cache."""
        cache = _find_cache(arguments)
        if cache is None:
            return None
        try:
            length = int(cache.get_seq_length())
        except (AttributeError, ValueError, NotImplementedError, TypeError) as error:
            if self._last is not None and cache is _find_cache(self._last[1]):
                return _next_positions(self._last[0])
            if hasattr(cache, "has_previous_state") and not cache.has_previous_state():
                return None
            raise SubjectError(
                "the positions of this call cannot be known: its cache was made outside of the edited block. "
                "Make the first call on the prompt inside the block, or pass position_ids"
            ) from error
        return torch.full((batch, 1), length, device=device) if length else None


def _find_cache(holder: Any) -> Any:
    """The cache among a call's arguments or in its output, whatever the architecture calls it."""
    values = holder if isinstance(holder, Mapping) else getattr(holder, "__dict__", {})
    return next((found for name in _CACHES if (found := values.get(name)) is not None), None)


def _next_positions(call: Call) -> Int[Tensor, "batch 1"]:
    positions = call.positions if call.real is None else call.positions.masked_fill(~call.real, -1)
    return positions.amax(-1, keepdim=True) + 1
