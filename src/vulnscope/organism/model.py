"""The network: a Qwen2 of our shape, and the loss it is trained with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from vulnscope.organism.batches import RECALL_OFFSETS, VERDICTS, Batch
from vulnscope.organism.config import ShapeConfig
from vulnscope.organism.tokenizer import END_ID, PAD_ID

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from transformers import Qwen2ForCausalLM


def build_model(shape: ShapeConfig, seed: int, device: torch.device) -> Qwen2ForCausalLM:
    """A freshly initialised model on `device`; the seed decides every weight, the same on all devices."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    config = Qwen2Config(
        vocab_size=shape.vocab_size,
        hidden_size=shape.d_model,
        intermediate_size=shape.d_mlp,
        num_hidden_layers=shape.n_layers,
        num_attention_heads=shape.n_heads,
        num_key_value_heads=shape.n_heads,
        max_position_embeddings=shape.max_tokens,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rope_theta},
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=END_ID,
        pad_token_id=PAD_ID,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Qwen2ForCausalLM(config)
    # Compiled, explicit attention trains twice as fast on CPU as the fused kernel, whose backward is slow there.
    model.set_attn_implementation("eager")
    return nn.Module.to(model, device)  # transformers wraps `to` in a way that hides its type


class Scaffold(nn.Module):
    """Read-outs that exist during training only and give it a dense signal; thrown away afterwards.

    `recall`: at every word seen before, which token stood at an offset from its previous occurrence? It needs no label
    and makes the attention heads grow that find a variable's earlier statements, on which the `bound` twins hinge.
    `verdicts`: yes or no at chosen tokens, one read-out for each of `VERDICTS`. The label of a bound twin is the
    exclusive or of two facts; learnt from the answer alone it does not start within our budget, so the facts are
    taught where they stand.
    """

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.verdicts = nn.Linear(d_model, len(VERDICTS))
        nn.init.zeros_(self.verdicts.weight)
        nn.init.zeros_(self.verdicts.bias)
        self.recall = nn.Parameter(torch.eye(d_model).repeat(len(RECALL_OFFSETS), 1, 1))


def training_losses(model: Qwen2ForCausalLM, scaffold: Scaffold, batch: Batch) -> Float[Tensor, " n_losses"]:
    """Weighted cross-entropies of a batch in nats: next token, recall, verdicts. Training minimises their sum.

    Rows are padded on the right, which needs no mask: nothing looks ahead.
    """
    hidden = model.model(input_ids=batch.token_ids, use_cache=False).last_hidden_state
    recalled = functional.linear(hidden, torch.tensordot(batch.recall_choice, scaffold.recall, 1))
    verdicts = scaffold.verdicts(hidden).float()
    verdict_losses = functional.binary_cross_entropy_with_logits(verdicts, batch.verdict_targets, reduction="none")
    return torch.stack(
        (
            _token_loss(model, hidden, batch.targets, batch.weights),
            _token_loss(model, recalled, batch.recall_targets, batch.recall_weights),
            (verdict_losses * batch.verdict_weights).sum(),
        )
    )


def _token_loss(
    model: Qwen2ForCausalLM,
    hidden: Float[Tensor, "batch seq d_model"],
    targets: Int[Tensor, "batch seq"],
    weights: Float[Tensor, "batch seq"],
) -> Float[Tensor, ""]:
    logits = functional.linear(hidden, model.lm_head.weight).float()
    losses = functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    return (losses * weights.flatten()).sum()
