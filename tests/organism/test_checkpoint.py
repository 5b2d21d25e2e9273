"""A checkpoint restores every tensor, and a broken one says so."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from vulnscope.errors import CorruptData
from vulnscope.organism.checkpoint import TrainingState, load_checkpoint, read_state, save_checkpoint
from vulnscope.organism.plan import quick_config

STATE = TrainingState(config=quick_config(), step=3, n_tokens=10, seconds=1.5)


def make():
    torch.manual_seed(0)
    layer = nn.Linear(4, 4)
    muon = torch.optim.Muon([layer.weight], lr=0.1)
    adam = torch.optim.AdamW([layer.bias], lr=0.1)
    return layer, (muon, adam)


def take_step(layer, optimizers, seed):
    torch.manual_seed(seed)
    layer(torch.randn(8, 4)).square().sum().backward()
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad()


def test_continuing_from_a_checkpoint_equals_not_stopping(tmp_path):
    layer, optimizers = make()
    for seed in range(3):
        take_step(layer, optimizers, seed)
    save_checkpoint(tmp_path, STATE, layer, optimizers)
    take_step(layer, optimizers, 3)

    other, others = make()
    state = read_state(tmp_path)
    load_checkpoint(tmp_path, state, other, others)
    take_step(other, others, 3)
    assert state.step == 3
    assert torch.equal(layer.weight, other.weight)
    assert torch.equal(layer.bias, other.bias)


def test_only_the_newest_checkpoint_is_kept(tmp_path):
    layer, optimizers = make()
    take_step(layer, optimizers, 0)
    for step in (1, 2):
        save_checkpoint(tmp_path, STATE.model_copy(update={"step": step}), layer, optimizers)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state.json", "step-2.safetensors"]


def test_no_checkpoint_is_none(tmp_path):
    assert read_state(tmp_path) is None


def test_broken_state_names_the_file(tmp_path):
    (tmp_path / "state.json").write_text("{", encoding="utf-8")
    with pytest.raises(CorruptData, match=r"state\.json is not a training state"):
        read_state(tmp_path)
