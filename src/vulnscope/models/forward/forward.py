"""One call of the model, with only the arguments its forward accepts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from vulnscope.models.forward.lengths import refresh_rope

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor
    from transformers import PreTrainedModel
    from transformers.cache_utils import Cache

    from vulnscope.models.forward.architecture import Architecture


def run_model(
    model: PreTrainedModel,
    architecture: Architecture,
    tokens: Int[Tensor, "batch seq"],
    positions: Int[Tensor, "batch seq"] | None = None,
    mask: Int[Tensor, "batch total"] | None = None,
    cache: Cache | None = None,
) -> Float[Tensor, "batch seq vocab"]:
    """Logits of `tokens`; positions, mask and cache are passed where given and accepted."""
    arguments: dict[str, Any] = {"position_ids": positions, "attention_mask": mask, "past_key_values": cache}
    accepted = {k: v for k, v in arguments.items() if v is not None and k in architecture.accepts}
    if "use_cache" in architecture.accepts:
        accepted["use_cache"] = cache is not None
    if cache is None:
        refresh_rope(model)
    logits: Tensor = model(input_ids=tokens, **accepted).logits
    return logits


def generation_inputs(
    architecture: Architecture, rows: Sequence[Sequence[int]], device: torch.device, pad: int = 0
) -> dict[str, Int[Tensor, "batch seq"]]:
    """Arguments of the model's own `generate` for token rows padded on the left: ids, mask and positions."""
    width = max(len(row) for row in rows)
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    optional = {"attention_mask": mask, "position_ids": (mask.cumsum(-1) - 1).clamp(min=0)}
    given = {name: tensor for name, tensor in optional.items() if name in architecture.accepts}
    tokens = torch.tensor([[pad] * (width - len(row)) + list(row) for row in rows])
    return {name: tensor.to(device) for name, tensor in {"inputs": tokens, **given}.items()}
