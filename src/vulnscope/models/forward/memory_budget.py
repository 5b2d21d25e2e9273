"""How much memory is free, and how much a forward call takes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Footprint:
    """Bytes per token of one forward call."""

    cache_bytes: int
    activation_bytes: int
    logits_bytes: int


def measure_footprint(model: PreTrainedModel) -> Footprint:
    """Estimated from the config: keys and values of all layers, the widest layer's working set, one logits row."""
    config = model.config.get_text_config(decoder=True)
    width = model.dtype.itemsize
    d_model, n_layers = int(config.hidden_size), int(config.num_hidden_layers)
    n_heads = int(_first(config, ("num_attention_heads", "n_head"), 1))
    d_head = int(_first(config, ("head_dim",), d_model // n_heads))
    d_keys = d_head * int(_first(config, ("num_key_value_heads", "num_kv_heads"), n_heads))
    d_mlp = int(_first(config, ("intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size"), 4 * d_model))
    d_mlp *= int(_first(config, ("num_experts_per_tok",), 1))
    return Footprint(
        cache_bytes=2 * n_layers * d_keys * width,
        # Residual, normed input, queries, keys, values and their copies; gate, up and product of the feed-forward.
        activation_bytes=width * (4 * d_model + 4 * n_heads * d_head + 3 * d_mlp) + 4 * 2 * d_model,
        logits_bytes=4 * int(config.vocab_size),
    )


def free_bytes(device: torch.device) -> int:
    """Bytes that can still be allocated on `device`, container limits included."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))
    return min(_available_bytes(), _container_bytes())


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` is an allocation that failed, on a device or on the CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)


def _available_bytes() -> int:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def _container_bytes() -> int:
    try:
        limit = (_CGROUP / "memory.max").read_text(encoding="ascii").strip()
        used = (_CGROUP / "memory.current").read_text(encoding="ascii").strip()
        return int(limit) - int(used)
    except (OSError, ValueError):
        return 1 << 62


def _first(config: Any, names: tuple[str, ...], default: int) -> int:
    return next((value for name in names if (value := getattr(config, name, None))), default)
