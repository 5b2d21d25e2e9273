"""The recipes, and what training one will cost."""

from __future__ import annotations

import torch

from vulnscope.errors import InputError
from vulnscope.organism.config import (
    DepthConfig,
    GuideConfig,
    LabellingConfig,
    OrganismConfig,
    ReadingConfig,
    ScaffoldConfig,
    ShapeConfig,
)
from vulnscope.organism.record import TrainingPlan

_BYTES_PER_MIB = 2**20
# Positions per second with this recipe, compiled, in bf16: measured on two CPU cores, a guess for data-centre GPUs.
_TOKENS_PER_SECOND = {"cpu": 12_000, "cuda": 150_000}


def full_config(seed: int = 0) -> OrganismConfig:
    """The recipe of the weights inside the package."""
    return OrganismConfig(seed=seed)


def quick_config(seed: int = 0) -> OrganismConfig:
    """A toy that shows the path in under a minute; it learns nothing worth asking for."""
    return OrganismConfig(
        seed=seed,
        shape=ShapeConfig(vocab_size=1024, d_model=32, d_mlp=64, n_layers=2, n_heads=2, max_tokens=512),
        reading=ReadingConfig(n_steps=20, window_tokens=64, windows=8),
        labelling=LabellingConfig(n_steps=20, pairs=8, groups=1),
        scaffold=ScaffoldConfig(
            depths=DepthConfig(matters=1, guarded=2, vulnerable=2),
            guides=(GuideConfig(layer=0, head=0, target="back"), GuideConfig(layer=1, head=0, target="same")),
        ),
        source_bytes=300_000,
        compile=False,
        checkpoint_every=10,
        tokenizer_pairs=200,
        evaluation_pairs=2,
        evaluation_completions=5,
    )


def choose_device(name: str) -> torch.device:
    """The device to train on; `auto` takes CUDA where there is one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"device {name!r} cannot be used here ({error}); choose auto or cpu") from error
    return device


def plan_training(config: OrganismConfig, device: torch.device) -> TrainingPlan:
    """The resolved configuration with an estimate of time, memory and disk."""
    shape = config.shape
    layer = 4 * shape.d_model**2 + 3 * shape.d_model * shape.d_mlp + 5 * shape.d_model
    n_parameters = shape.vocab_size * shape.d_model + shape.n_layers * layer + shape.d_model
    n_tokens = _count_tokens(config)
    largest_batch = config.reading.windows * config.reading.window_tokens
    return TrainingPlan(
        config=config.model_dump(mode="json"),
        device=str(device),
        n_parameters=n_parameters,
        n_tokens=n_tokens,
        seconds=n_tokens / _TOKENS_PER_SECOND.get(device.type, _TOKENS_PER_SECOND["cpu"]),
        memory_bytes=16 * n_parameters + largest_batch * (12 * shape.vocab_size + 60 * shape.n_layers * shape.d_model),
        disk_bytes=2 * 2 * n_parameters + 2 * 12 * n_parameters + _BYTES_PER_MIB,
    )


def _count_tokens(config: OrganismConfig) -> int:
    """Positions of all steps, padding included; labelled rows are taken as 160 long."""
    reading, labelling = config.reading, config.labelling
    n_code_steps = reading.n_steps + labelling.n_steps // labelling.code_every
    n_asked_steps = labelling.n_steps - labelling.n_steps // labelling.code_every
    return n_code_steps * reading.windows * reading.window_tokens + n_asked_steps * labelling.pairs * 2 * 160
