"""One call of the model, with only the arguments its forward accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor
    from transformers import PreTrainedModel
    from transformers.cache_utils import Cache

    from vulnscope.models.architecture import Architecture


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
    logits: Tensor = model(input_ids=tokens, **accepted).logits
    return logits
