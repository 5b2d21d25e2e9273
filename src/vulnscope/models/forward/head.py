"""Answer logits: the language-model head applied only where somebody reads, in float32.

The head's forward is replaced for the time of one call by one that gathers the rows asked for first, so that
logits of batch × seq × vocabulary never exist; scaling and soft-capping that a model applies after its head stay
as they are.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from vulnscope.models.forward.hooks import substituted_forward

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jaxtyping import Float, Int
    from transformers import PreTrainedModel

# Weights are widened to float32 in slices of about this size: they stay in a CPU's cache, and fill a GPU.
_SLICE_BYTES = {"cpu": 8 << 20, "cuda": 128 << 20}


@contextmanager
def reading_head(model: PreTrainedModel, rows: Int[Tensor, " n"], columns: Int[Tensor, " n"]) -> Iterator[None]:
    """Inside the block the model returns logits of shape (1, n, vocab): those at the positions `rows`, `columns`."""
    head = model.get_output_embeddings()
    native = head.forward

    def forward(hidden: Float[Tensor, "batch seq d_model"]) -> Float[Tensor, "1 n vocab"]:
        return head_logits(head, hidden[rows, columns], native)[None]

    with substituted_forward(head, forward):
        yield


def head_logits(
    head: nn.Module, hidden: Float[Tensor, "n d_model"], native: Callable[..., Tensor] | None = None
) -> Float[Tensor, "n vocab"]:
    """Float32 logits of `hidden`; a half-precision head is widened slice by slice, never as a whole.

    A head of another class than `nn.Linear`, such as an adapter's, computes them itself: by `native`, its own forward,
    where that of the module is replaced.
    """
    if type(head) is not nn.Linear:
        return (native or head)(hidden).float()
    weight, bias = head.weight, head.bias
    if weight.dtype == torch.float32 or hidden.shape[0] == 0:
        return functional.linear(hidden.to(weight.dtype), weight, bias).float()
    wide = hidden.float()
    logits = wide.new_empty(hidden.shape[0], weight.shape[0])
    step = max(1, _SLICE_BYTES.get(weight.device.type, _SLICE_BYTES["cpu"]) // (4 * weight.shape[1]))
    for start in range(0, weight.shape[0], step):
        part = slice(start, start + step)
        logits[:, part] = functional.linear(wide, weight[part].float(), None if bias is None else bias[part].float())
    return logits
