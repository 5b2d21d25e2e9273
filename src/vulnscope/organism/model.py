"""The network: a Qwen2 of our shape, and the loss it is trained with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from vulnscope.organism.batches import VERDICTS, Batch
from vulnscope.organism.config import GuideConfig, ScaffoldConfig, ShapeConfig
from vulnscope.organism.tokenizer import END_ID, PAD_ID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float
    from transformers import Qwen2ForCausalLM

    Stream = Float[Tensor, "batch seq d_model"]


# Keeps the logarithm finite where a head spends nothing.
_LEAST_SHARE = 1e-4


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
    # Compiled, explicit attention trains twice as fast on CPU as the fused kernel, whose backward is slow there.
    model.set_attn_implementation("eager")
    return nn.Module.to(model, device)  # transformers wraps `to` in a way that hides its type


@torch.no_grad()
def _quiet_outputs(model: Qwen2ForCausalLM) -> None:
    """Start every layer as the identity, so that the first layers see the embeddings themselves."""
    for layer in model.model.layers:
        layer.self_attn.o_proj.weight.zero_()
        layer.mlp.down_proj.weight.zero_()


class Scaffold(nn.Module):
    """What exists during training only and gives it a dense signal; thrown away afterwards.

    `verdicts`: yes or no at chosen tokens, one read-out for each of `VERDICTS`. The label of a bound twin is the
    exclusive or of two facts; learnt from the answer alone it does not start within our budget, so the facts are
    taught where they stand.
    `guides`: where some heads are to look. The facts rest on heads that find a name's earlier occurrences and what
    stood around them; left alone these appear long after our budget (attention guidance: Deshpande and Narasimhan 2020,
    https://arxiv.org/abs/2010.02399).
    """

    def __init__(self, d_model: int, config: ScaffoldConfig) -> None:
        super().__init__()
        self.depths = config.depths
        self.guides = config.guides
        self.verdicts = nn.Linear(d_model, len(VERDICTS))
        nn.init.zeros_(self.verdicts.weight)
        nn.init.zeros_(self.verdicts.bias)

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
    """Weighted cross-entropies of a batch in nats: next token, guides, verdicts. Training minimises their sum.

    Rows are padded on the right, which needs no mask: nothing looks ahead.
    """
    output = model.model(input_ids=batch.token_ids, use_cache=False, output_hidden_states=True, output_attentions=True)
    streams = [functional.rms_norm(stream, stream.shape[-1:]) for stream in output.hidden_states]
    verdicts = scaffold.read_verdicts(streams).float()
    verdict_losses = functional.binary_cross_entropy_with_logits(verdicts, batch.verdict_targets, reduction="none")
    return torch.stack(
        (
            _token_loss(model, output.last_hidden_state, batch),
            _guide_loss(scaffold.guides, output.attentions, batch),
            (verdict_losses * batch.verdict_weights).sum(),
        )
    )


def _guide_loss(
    guides: Sequence[GuideConfig], attentions: Sequence[Float[Tensor, "batch head query key"]], batch: Batch
) -> Float[Tensor, ""]:
    """The surprise, in nats, at how much of its attention each guided head spends where it should."""
    is_earlier = torch.ones(attentions[0].shape[-2:], dtype=torch.bool, device=batch.token_ids.device).tril(-1)
    is_same = (batch.token_ids[:, :, None] == batch.token_ids[:, None, :]) & is_earlier
    targets = {"same": is_same, "after": functional.pad(is_same, (1, 0))[..., :-1]}
    total = torch.zeros((), device=batch.token_ids.device)
    for guide in guides:
        attention = attentions[guide.layer][:, guide.head].float()
        if guide.target == "back":
            spent = attention.diagonal(-guide.distance, 1, 2)
            surprise = -(spent + _LEAST_SHARE).log().mean() * batch.guide_weights.sum()
        else:
            spent = (attention * targets[guide.target]).sum(-1)
            surprise = -((spent + _LEAST_SHARE).log() * batch.guide_weights).sum()
        total = total + surprise
    return total


def _token_loss(model: Qwen2ForCausalLM, hidden: Stream, batch: Batch) -> Float[Tensor, ""]:
    logits = functional.linear(hidden, model.lm_head.weight).float()
    losses = functional.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), reduction="none")
    return (losses * batch.weights.flatten()).sum()
