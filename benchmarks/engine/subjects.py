"""Random models of the shapes that the engine is measured on, and prompts for them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from benchmarks.subjects import train_tokenizer
from vulnscope.models import Subject, wrap_model

_SMALL = {"hidden_size": 512, "intermediate_size": 1408, "num_attention_heads": 8, "num_key_value_heads": 2}
_HALF = {"hidden_size": 896, "intermediate_size": 4864, "num_attention_heads": 14, "num_key_value_heads": 2}
_SEVEN = {"hidden_size": 3584, "intermediate_size": 18944, "num_attention_heads": 28, "num_key_value_heads": 4}
SHAPES: dict[str, tuple[str, dict[str, Any], torch.dtype]] = {
    "small": (
        "random Qwen2, 12 layers of width 512, vocabulary 32,000",
        {**_SMALL, "num_hidden_layers": 12, "vocab_size": 32_000},
        torch.float32,
    ),
    "0.5b": (
        "random model of Qwen2.5-0.5B's shape",
        {**_HALF, "num_hidden_layers": 24, "vocab_size": 151_936, "tie_word_embeddings": True},
        torch.bfloat16,
    ),
    "7b": (
        "random model of Qwen2.5-7B's shape",
        {**_SEVEN, "num_hidden_layers": 28, "vocab_size": 152_064},
        torch.bfloat16,
    ),
}


@lru_cache(maxsize=1)
def build_subject(key: str, device: str) -> Subject:
    """The subject of shape `key`, the same at every call; it never ends a text by itself."""
    name, shape, dtype = SHAPES[key]
    config = AutoConfig.for_model("qwen2", max_position_embeddings=32_768, **shape)
    torch.manual_seed(0)
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(config, dtype=dtype)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim >= 2:
                    parameter.normal_(0.0, parameter.shape[-1] ** -0.5)
    tokenizer = train_tokenizer()
    tokenizer.eos_token = None
    for settings in (model.config, model.generation_config):
        settings.eos_token_id = settings.bos_token_id = None
        settings.pad_token_id = 0
    return wrap_model(model.eval(), tokenizer, name=name)


def random_prompts(subject: Subject, n: int, low: int, high: int) -> list[tuple[int, ...]]:
    """`n` prompts of `low` to `high` random tokens that share nothing."""
    generator = torch.Generator().manual_seed(1)
    lengths = torch.randint(low, high + 1, (n,), generator=generator).tolist()
    size = subject.architecture.vocab_size
    return [tuple(torch.randint(1, size, (length,), generator=generator).tolist()) for length in lengths]


def random_vector(subject: Subject, seed: int = 0) -> torch.Tensor:
    """A direction of about the size of a hidden state."""
    return torch.randn(subject.architecture.d_model, generator=torch.Generator().manual_seed(seed))
