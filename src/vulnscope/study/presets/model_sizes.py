"""What the models of the earlier experiments take, from their configs alone: no weight is loaded or downloaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from transformers import AutoConfig

from vulnscope.models.forward.memory_budget import measure_footprint
from vulnscope.models.subject.sketch import sketch_config
from vulnscope.study.presets.record import ModelMemory


def estimate_model(name: str, fields: Mapping[str, Any], batch: int = 4, length: int = 2048) -> ModelMemory:
    """Weights in bf16 and in 4 bits, and one forward of `batch` rows, of a model built from a config without storage.

    `fields` are the config's; those that are not given are the defaults of the architecture.
    """
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
