"""Models that compute a token differently by how long the rows of a call are, or have been before.

Rope of the kinds "longrope" (as in Phi-3-128k) and "dynamic" takes its frequencies from the longest row of a call, and
"dynamic" also from calls before. Beyond the length where that begins, rows are run with rows of their own length
only, without a shared prefix, and every call starts from the frequencies of the config: then a row's figures are those
of its plain forward alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from vulnscope.models.forward.prefix import LENGTH_BITS

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel

    from vulnscope.models.forward.prefix import Tokens

_LONGROPE, _DYNAMIC = ("longrope", "su"), "dynamic"
_ROPES: WeakKeyDictionary[nn.Module, tuple[nn.Module, ...]] = WeakKeyDictionary()


def find_rope_switch(model: PreTrainedModel) -> int | None:
    """Tokens up to which rope is the same in every call; None where it always is."""
    config = model.config.get_text_config(decoder=True)
    return min(_switches(config), default=None)


def _switches(config: Any) -> Iterator[int]:
    for rope in _ropes_of(config):
        kind = str(rope.get("rope_type", rope.get("type", ""))).lower()
        own = rope.get("original_max_position_embeddings") or getattr(config, "original_max_position_embeddings", None)
        if kind in _LONGROPE:
            yield int(own or config.max_position_embeddings)
        elif _DYNAMIC in kind:
            yield int(config.max_position_embeddings)
            if own:
                yield int(own)


def _ropes_of(config: Any) -> Iterator[dict[str, Any]]:
    """What the config says of rope, for all layers or for each kind of them."""
    for name in ("rope_parameters", "rope_scaling"):
        found = getattr(config, name, None)
        if isinstance(found, dict):
            yield found
            yield from (each for each in found.values() if isinstance(each, dict))


def mark_lengths(model: PreTrainedModel, sequences: Sequence[Tokens]) -> Sequence[Tokens]:
    """`sequences`, those beyond the switch marked by their length: none is read on the row of another length."""
    switch = find_rope_switch(model)
    if switch is None or all(len(sequence) <= switch for sequence in sequences):
        return sequences
    lengths = sorted({len(sequence) for sequence in sequences if len(sequence) > switch})
    codes = {length: (code + 1) << LENGTH_BITS for code, length in enumerate(lengths)}
    return [tuple(token + codes.get(len(sequence), 0) for token in sequence) for sequence in sequences]


def refresh_rope(model: PreTrainedModel) -> None:
    """Put the frequencies of dynamic rope back to what the config says, as before the first call."""
    if model not in _ROPES:
        _ROPES[model] = tuple(module for module in model.modules() if hasattr(module, "max_seq_len_cached"))
    for rope in _ROPES[model]:
        for name in [name for name in vars(rope) if name.endswith("max_seq_len_cached")]:
            setattr(rope, name, rope.original_max_seq_len)
        for name, buffer in list(rope.named_buffers(recurse=False)):
            first = getattr(rope, name.replace("inv_freq", "original_inv_freq"), None)
            if name.endswith("inv_freq") and "original" not in name and first is not None:
                rope.register_buffer(name, first.to(buffer.device).clone(), persistent=False)


@lru_cache(maxsize=4096)
def probe_lengths(switch: int) -> tuple[tuple[int, int], ...]:
    """Prefix and tail (tokens) of rows that lie before, across and behind a length where something changes."""
    return ((7, 3), (7, 6), (switch - 3, 2), (switch - 3, 6), (switch + 2, 3), (switch + 2, 5))
