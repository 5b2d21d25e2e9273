"""Checkpoints without pickles: every tensor in one safetensors file, the rest in JSON; both replaced atomically."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.optim import Optimizer

from vulnscope.errors import CorruptData
from vulnscope.organism.config import OrganismConfig
from vulnscope.records.base import Record

_STATE = "state.json"


class TrainingState(Record):
    """Where training stands; the random order needs no state because it follows from the step."""

    config: OrganismConfig
    step: int
    n_tokens: int
    seconds: float
    tensors: str = ""


def save_checkpoint(folder: Path, state: TrainingState, model: nn.Module, optimizers: Sequence[Optimizer]) -> None:
    """Write a checkpoint into `folder`; killed at any moment, it leaves this or the previous one."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    state = state.model_copy(update={"tensors": f"step-{state.step}.safetensors"})
    partial = folder / "partial.safetensors"
    save_file({**_model_tensors(model), **_optimizer_tensors(optimizers)}, partial)
    os.replace(partial, folder / state.tensors)
    write_text(folder / _STATE, state.model_dump_json(indent=2))
    for old in folder.glob("step-*.safetensors"):
        if old.name != state.tensors:
            old.unlink()


def read_state(folder: Path) -> TrainingState | None:
    """The state of the checkpoint in `folder`, or None where there is none."""
    path = folder / _STATE
    if not path.exists():
        return None
    try:
        return TrainingState.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise CorruptData(f"{path} is not a training state ({error}); delete {folder} and start again") from error


def load_checkpoint(folder: Path, state: TrainingState, model: nn.Module, optimizers: Sequence[Optimizer]) -> None:
    """Put the tensors of `state` into the modules and the optimizers."""
    from safetensors.torch import load_file

    tensors = load_file(folder / state.tensors)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(tensors[f"model/{name}"])
    for number, optimizer in enumerate(optimizers):
        optimizer.load_state_dict(_optimizer_state(optimizer, number, tensors))


def write_text(path: Path, text: str) -> None:
    """Replace a file atomically."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def _model_tensors(model: nn.Module) -> dict[str, Tensor]:
    return {f"model/{name}": parameter.detach().contiguous() for name, parameter in model.named_parameters()}


def _optimizer_tensors(optimizers: Sequence[Optimizer]) -> dict[str, Tensor]:
    return {
        f"optimizer/{number}/{index}/{key}": torch.as_tensor(value).contiguous()
        for number, optimizer in enumerate(optimizers)
        for index, values in optimizer.state_dict()["state"].items()
        for key, value in values.items()
    }


def _optimizer_state(optimizer: Optimizer, number: int, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """The optimizer's own state format; hyperparameters come from the config, not from the file."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        kind, _, rest = name.partition("/")
        if kind == "optimizer" and rest.startswith(f"{number}/"):
            _, index, key = rest.split("/")
            state.setdefault(int(index), {})[key] = tensor
    return {"state": state, "param_groups": optimizer.state_dict()["param_groups"]}
