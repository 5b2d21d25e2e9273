"""What the models of the earlier experiments take, from their configs alone: no weight is loaded or downloaded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from transformers import AutoConfig

from vulnscope.models.forward.memory_budget import measure_footprint
from vulnscope.models.subject.sketch import sketch_config
from vulnscope.records.reproduction import ModelMemory

_CONFIGS: dict[str, dict[str, Any]] = {
    "bigcode/starcoderbase-1b": {
        "model_type": "gpt_bigcode", "n_layer": 24, "n_embd": 2048, "n_head": 16, "n_inner": 8192,
        "n_positions": 8192, "vocab_size": 49152, "multi_query": True, "bos_token_id": 0, "eos_token_id": 0,
    },
    "bigcode/starcoder2-15b": {
        "model_type": "starcoder2", "num_hidden_layers": 40, "hidden_size": 6144, "num_attention_heads": 48,
        "num_key_value_heads": 4, "intermediate_size": 24576, "max_position_embeddings": 16384, "vocab_size": 49152,
        "use_bias": True, "tie_word_embeddings": False, "bos_token_id": 0, "eos_token_id": 0,
    },
}  # fmt: skip
"""Shapes as published with the models; the rest are the defaults of their architectures."""


def estimate_models(batch: int = 4, length: int = 2048) -> tuple[ModelMemory, ...]:
    """Weights in bf16 and in 4 bits, and one forward of `batch` rows, of each model."""
    return tuple(estimate_model(name, fields, batch, length) for name, fields in _CONFIGS.items())


def estimate_model(name: str, fields: dict[str, Any], batch: int, length: int) -> ModelMemory:
    """The bytes of the model that a config describes, built without storage."""
    sketch = sketch_config(name, AutoConfig.for_model(**fields), torch.bfloat16, torch.device("cpu"))
    footprint = measure_footprint(sketch.model)
    per_token = footprint.cache_bytes + footprint.activation_bytes
    return ModelMemory(
        name=name,
        n_parameters=sketch.n_parameters,
        bf16_bytes=sketch.weights_bytes,
        nf4_bytes=replace(sketch, quantization="nf4").weights_bytes,
        batch=batch,
        length=length,
        forward_bytes=batch * (length * per_token + footprint.logits_bytes),
    )
