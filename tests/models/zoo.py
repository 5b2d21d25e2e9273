"""Tiny random models of every architecture that the conformance suite runs, with a tokenizer made in code.

Sizes are as small as each architecture allows. Weights are drawn wide (standard deviation 0.3 for matrices), so
that a wrong position or mask moves the logits far beyond every tolerance.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

VOCAB = 128
LAYERS = 3

_COMMON: dict[str, Any] = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 512,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "tie_word_embeddings": False,
}
_MOE: dict[str, Any] = {"num_experts": 4, "num_local_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24}
_MAMBA: dict[str, Any] = {
    "mamba_d_state": 8,
    "mamba_n_heads": 4,
    "mamba_d_head": 16,
    "mamba_n_groups": 1,
    "mamba_chunk_size": 8,
    "mamba_expand": 2,
}
_MLA: dict[str, Any] = {
    "q_lora_rank": 16,
    "kv_lora_rank": 16,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 8,
    "v_head_dim": 8,
    "num_key_value_heads": 4,
    "n_routed_experts": 4,
    "n_shared_experts": 1,
    "n_group": 1,
    "topk_group": 1,
    "first_k_dense_replace": 1,
}
_LINEAR: dict[str, Any] = {
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "layer_types": ["linear_attention", "full_attention", "linear_attention"],
}

# What each architecture needs beyond (or instead of) the common fields; None removes one.
SPECIAL: dict[str, dict[str, Any]] = {
    "gpt2": {},
    "gpt_bigcode": {},
    "codegen": {"rotary_dim": 4},
    "gptj": {"rotary_dim": 4},
    "gpt_neo": {"attention_types": [[["global", "local", "global"], 1]], "window_size": 8},
    "gpt_neox": {},
    "starcoder2": {},
    "llama": {},
    "mistral": {"sliding_window": 8},
    "ministral": {"sliding_window": 8, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]},
    "mixtral": _MOE,
    "qwen2": {},
    "qwen2_moe": {**_MOE, "shared_expert_intermediate_size": 24},
    "qwen3": {},
    "qwen3_moe": _MOE,
    "qwen3_next": {**_MOE, **_LINEAR, "shared_expert_intermediate_size": 24},
    "qwen3_5_text": _LINEAR,
    "deepseek_v2": {**_MOE, **_MLA},
    "deepseek_v3": {**_MOE, **_MLA},
    "gemma": {},
    "gemma2": {"sliding_window": 8, "query_pre_attn_scalar": 8},
    "gemma3_text": {
        "sliding_window": 8,
        "query_pre_attn_scalar": 8,
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
    },
    "phi": {},
    "phi3": {},
    "phimoe": _MOE,
    "falcon": {"new_decoder_architecture": True, "num_kv_heads": 2, "head_dim": None},
    "falcon_h1": {**_MAMBA, "mamba_d_ssm": 64},
    "bloom": {},
    "opt": {"ffn_dim": 48, "word_embed_proj_dim": 32},
    "mpt": {"max_seq_len": 512},
    "stablelm": {},
    "cohere": {},
    "cohere2": {"sliding_window": 8},
    "granite": {},
    "granitemoe": _MOE,
    "granitemoehybrid": {
        **_MOE,
        **_MAMBA,
        "layer_types": ["mamba", "attention", "mamba"],
        "shared_intermediate_size": 24,
    },
    "olmo2": {},
    "olmo3": {"sliding_window": 8, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]},
    "olmoe": _MOE,
    "gpt_oss": {
        **_MOE,
        "sliding_window": 8,
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
    },
    "smollm3": {},
    "glm4": {},
    "glm4_moe": {**_MOE, "n_routed_experts": 4, "n_shared_experts": 1, "n_group": 1, "topk_group": 1},
    "exaone4": {"sliding_window": 8, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]},
    "seed_oss": {},
    "mamba": {"state_size": 8, "time_step_rank": 4},
    "mamba2": {"state_size": 8, "num_heads": 4, "head_dim": 16, "n_groups": 1, "chunk_size": 8, "expand": 2},
    "jamba": {**_MOE, "mamba_d_state": 8, "mamba_dt_rank": 4, "attn_layer_period": 2, "attn_layer_offset": 1},
    "bamba": {**_MAMBA, "attn_layer_indices": [1]},
    "lfm2": {"layer_types": ["conv", "full_attention", "conv"], "block_multiple_of": 8},
    "nemotron_h": {
        "layers_block_type": ["mamba", "attention", "moe"],
        "mamba_num_heads": 4,
        "mamba_head_dim": 16,
        "ssm_state_size": 8,
        "n_groups": 1,
        "chunk_size": 8,
        **_MOE,
    },
    "minimax": {**_MOE, "layer_types": ["linear_attention", "full_attention", "linear_attention"], "block_size": 8},
    "apertus": {},
    "rwkv": {"attention_hidden_size": 32, "context_length": 512},
}
ARCHITECTURES = tuple(SPECIAL)
# One of each kind that differs in what is hooked, cached or masked; the others are left to the whole suite.
_OFTEN = {
    "gpt2",
    "gpt_bigcode",
    "gptj",
    "starcoder2",
    "mistral",
    "mixtral",
    "qwen2",
    "gemma2",
    "bloom",
    "mamba",
    "jamba",
}
EVERY_ARCHITECTURE = tuple(
    name if name in _OFTEN else pytest.param(name, marks=pytest.mark.slow) for name in ARCHITECTURES
)
"""To parametrize a test with."""


def tiny_config(name: str, **overrides: Any) -> Any:
    """The config of a tiny model of architecture `name`."""
    fields = {**_COMMON, **SPECIAL[name], **overrides}
    return AutoConfig.for_model(name, **{key: value for key, value in fields.items() if value is not None})


def tiny_model(name: str, seed: int = 0, **overrides: Any) -> PreTrainedModel:
    """A random model of architecture `name` in eval mode; equal seeds give equal weights."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(tiny_config(name, **overrides), dtype=torch.float32)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim >= 2:
                parameter.normal_(0.0, 0.3, generator=generator)
    return model.eval()


@lru_cache(maxsize=1)
def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """A character tokenizer of 98 tokens: three specials, then printable ASCII; no pad token."""
    vocab = {"<unk>": 0, "<s>": 1, "</s>": 2} | {chr(code): code - 29 for code in range(32, 127)} | {"\n": 98}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", eos_token="</s>")


def save_tiny(name: str, folder: Path, seed: int = 0, **overrides: Any) -> Path:
    """Write a tiny model and its tokenizer to `folder` as a user would have them; returns the folder."""
    tiny_model(name, seed, **overrides).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder
