"""The network: a Qwen2 of our shape, and the loss it is trained with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from vulnscope.organism.batches import RECALL_OFFSETS, VERDICTS, Batch
from vulnscope.organism.config import DepthConfig, ShapeConfig
from vulnscope.organism.tokenizer import END_ID, PAD_ID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float, Int
    from transformers import Qwen2ForCausalLM

    Stream = Float[Tensor, "batch seq d_model"]


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
        _quiet_outputs(model)
        _match_names(model, shape)
    # Compiled, explicit attention trains twice as fast on CPU as the fused kernel, whose backward is slow there.
    model.set_attn_implementation("eager")
    return nn.Module.to(model, device)  # transformers wraps `to` in a way that hides its type


@torch.no_grad()
def _quiet_outputs(model: Qwen2ForCausalLM) -> None:
    """Start every layer as the identity, so that the first layers see the embeddings themselves."""
    for layer in model.model.layers:
        layer.self_attn.o_proj.weight.zero_()
        layer.mlp.down_proj.weight.zero_()


@torch.no_grad()
def _match_names(model: Qwen2ForCausalLM, shape: ShapeConfig) -> None:
    """Start half of the heads of `matching_layers` with equal queries and keys: they attend to earlier equal tokens.

    Such heads, on which everything about variables rests, otherwise take longer to appear than the whole training.
    Only slowly rotating dimensions take part, as the others would compare distances too.
    """
    d_head = shape.d_model // shape.n_heads
    frequencies = torch.arange(d_head) % (d_head // 2)
    is_slow = frequencies >= d_head // 6
    for number in shape.matching_layers:
        attention = model.model.layers[number].self_attn
        for head in range(shape.n_heads // 2):
            rows = torch.linalg.qr(torch.randn(shape.d_model, int(is_slow.sum()))).Q.T
            weight = torch.zeros(d_head, shape.d_model)
            # Equal normalised inputs then score about 10 after the division by the root of d_head.
            weight[is_slow] = rows * (10 * d_head**0.5 / is_slow.sum()) ** 0.5
            for projection in (attention.q_proj, attention.k_proj):
                projection.weight[head * d_head : (head + 1) * d_head] = weight


class Scaffold(nn.Module):
    """Read-outs that exist during training only and give it a dense signal; thrown away afterwards.

    `recall`: at every word seen before, which token stood at an offset from its previous occurrence? It needs no label
    and makes the attention heads grow that find a variable's earlier statements, on which the `bound` twins hinge.
    `verdicts`: yes or no at chosen tokens, one read-out for each of `VERDICTS`. The label of a bound twin is the
    exclusive or of two facts; learnt from the answer alone it does not start within our budget, so the facts are
    taught where they stand.
    """

    def __init__(self, d_model: int, depths: DepthConfig) -> None:
        super().__init__()
        self.depths = depths
        self.verdicts = nn.Linear(d_model, len(VERDICTS))
        nn.init.zeros_(self.verdicts.weight)
        nn.init.zeros_(self.verdicts.bias)
        self.recall = nn.Parameter(torch.eye(d_model).repeat(len(RECALL_OFFSETS), 1, 1))

    def read_verdicts(self, streams: Sequence[Stream]) -> Float[Tensor, "batch seq n_verdicts"]:
        """The logit of each verdict, read after its own number of layers."""
        logits = [
            functional.linear(
                streams[getattr(self.depths, name)], self.verdicts.weight[[number]], self.verdicts.bias[[number]]
            )
            for number, name in enumerate(VERDICTS)
        ]
        return torch.cat(logits, -1)


def training_losses(model: Qwen2ForCausalLM, scaffold: Scaffold, batch: Batch) -> Float[Tensor, " n_losses"]:
    """Weighted cross-entropies of a batch in nats: next token, recall, verdicts. Training minimises their sum.

    Rows are padded on the right, which needs no mask: nothing looks ahead.
    """
    output = model.model(input_ids=batch.token_ids, use_cache=False, output_hidden_states=True)
    hidden = output.last_hidden_state
    streams = [functional.rms_norm(stream, stream.shape[-1:]) for stream in output.hidden_states]
    matrix = torch.tensordot(batch.recall_choice, scaffold.recall, 1)
    recalled = functional.linear(streams[scaffold.depths.recall], matrix)
    verdicts = scaffold.read_verdicts(streams).float()
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
