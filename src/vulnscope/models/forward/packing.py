"""Several continuations of one prefix in one row: a mask keeps each blind to the others.

Keys and values of the prefix are then gathered once per row instead of once per continuation, and attention over
them is one matrix product. It needs a model that takes a ready mask for every query and key; `check_packing` runs
one against the plain forward. A ready mask knows no sliding window, so rows longer than a window are not packed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from vulnscope.models.forward.cache import Fork, ForkedCache, TokenPool
from vulnscope.models.forward.forward import run_model
from vulnscope.records.subject import Capability

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor
    from transformers import PreTrainedModel

    from vulnscope.models.forward.architecture import Architecture

PACKING = "packing"
_TOLERANCE = {torch.float16: 0.05, torch.bfloat16: 0.4}
# A field that sounds like a window counts as one; what merely counts layers does not.
_WINDOWS = ("window", "attention_chunk", "local_attention", "attn_chunk")
_NO_WINDOWS = ("max_window_layers", "sliding_window_pattern")
# Short, so that no window of a real model is reached.
_PREFIX, _TAILS = (3, 10, 17), ((24, 31), (38, 5))


def find_window(model: PreTrainedModel) -> int | None:
    """Keys from which on some layer no longer sees all of them; None where every layer does.

    0 where that cannot be known: code from outside transformers, or layers of a kind without a named window.
    """
    config = model.config.get_text_config(decoder=True)
    found = [
        size
        for name, size in config.to_dict().items()
        if type(size) is int and size > 0 and any(word in name for word in _WINDOWS) and name not in _NO_WINDOWS
    ]
    kinds = set(getattr(config, "layer_types", None) or ())
    is_known = type(model).__module__.startswith("transformers.") and (found or kinds <= {"full_attention"})
    return min(found, default=None) if is_known else 0


def see_ancestors(parents: Sequence[int]) -> Bool[Tensor, "n n"]:
    """Which earlier tokens each token of a tree sees: itself and its ancestors; a root's parent is negative."""
    seen = torch.eye(len(parents), dtype=torch.bool)
    if list(parents) == list(range(-1, len(parents) - 1)):
        return seen.new_ones(seen.shape).tril()
    for token, parent in enumerate(parents):
        if parent >= 0:
            seen[token] |= seen[parent]
    return seen


def packed_mask(
    seen: Sequence[Bool[Tensor, "n n"]], n_seen: Sequence[int], n_past: int, dtype: torch.dtype
) -> Float[Tensor, "batch 1 new total"]:
    """The additive mask of rows that end with trees `seen`, after `n_seen` tokens right-aligned in `n_past` columns.

    Padding sees itself only, so that its softmax is defined.
    """
    width = max(len(tree) for tree in seen)
    allowed = torch.zeros(len(seen), width, n_past + width, dtype=torch.bool)
    allowed[:, :, n_past:] = torch.eye(width, dtype=torch.bool)
    for row, (tree, n) in enumerate(zip(seen, n_seen, strict=True)):
        allowed[row, : len(tree), n_past - n : n_past] = True
        allowed[row, : len(tree), n_past : n_past + len(tree)] = tree
    return torch.zeros(allowed.shape, dtype=dtype).masked_fill_(~allowed, torch.finfo(dtype).min)[:, None]


@torch.inference_mode()
def check_packing(model: PreTrainedModel, architecture: Architecture) -> Capability:
    """Whether two continuations packed behind one cached prefix get the numbers of plain forwards."""
    try:
        difference = _difference(model, architecture)
    except Exception as error:  # whatever a foreign model raises is the reason
        reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        return Capability(name=PACKING, is_proven=False, reason=reason)
    if not difference <= _TOLERANCE.get(model.dtype, 1e-4):
        reason = f"log-probabilities differ from the plain forward by {difference:.2g} nats"
        return Capability(name=PACKING, is_proven=False, reason=reason, largest_difference=min(difference, 1e9))
    return Capability(name=PACKING, is_proven=True, largest_difference=difference)


def _difference(model: PreTrainedModel, architecture: Architecture) -> float:
    def log_probs(tokens: Sequence[int], *rest: object) -> Tensor:
        given = torch.tensor([list(tokens)], device=model.device) % architecture.vocab_size
        logits: Tensor = run_model(model, architecture, given, *rest)[0]  # type: ignore[arg-type]
        return logits.float().log_softmax(-1)

    n, new, device = len(_PREFIX), len(_TAILS[0]), model.device
    pool, nothing = TokenPool(n), torch.zeros(0, dtype=torch.long, device=device)
    places = torch.arange(n + new, device=device)[None]
    first = Fork(0, places[:, :n], places[0, :n], places[0, :n])
    log_probs(_PREFIX, places[:, :n], None, ForkedCache(pool, first, architecture.n_layers))
    read = torch.cat([places[0, :n], nothing.new_zeros(2 * new)])[None]
    cache = ForkedCache(pool, Fork(n, read, nothing, nothing), architecture.n_layers)
    mask = packed_mask([pack_copies(see_ancestors(range(-1, new - 1)), 2)], [n], n, model.dtype).to(device)
    packed = log_probs(_TAILS[0] + _TAILS[1], places[:, n:].repeat(1, 2), mask, cache)
    plain = torch.cat([log_probs(_PREFIX + tail, places)[n:] for tail in _TAILS])
    return float((packed - plain).abs().max())


def see_apart(lengths: Sequence[int]) -> Bool[Tensor, "n n"]:
    """What each token sees in a row of runs of these lengths, one after another, each blind to the others."""
    blocks: Tensor = torch.block_diag(*(torch.ones(length, length).tril() for length in lengths))
    return blocks.bool()


def pack_copies(tree: Bool[Tensor, "n n"], n_copies: int) -> Bool[Tensor, "m m"]:
    """What each token sees in a row of `n_copies` of `tree`, each blind to the others."""
    blocks: Tensor = torch.block_diag(*[tree] * n_copies)
    return blocks.bool()
