"""Too little memory, made in code."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from vulnscope.models.read import early_exit


def memory_for(monkeypatch: pytest.MonkeyPatch, n_tokens: int, error: type[Exception] = torch.OutOfMemoryError) -> None:
    """Let every call of a capture with more than `n_tokens` padded tokens fail, inside the model's first layer."""
    original = early_exit.run_model

    def run_model(model: nn.Module, architecture: Any, tokens: torch.Tensor, *rest: Any) -> Any:
        if tokens.numel() <= n_tokens:
            return original(model, architecture, tokens, *rest)

        def fail(*_: Any) -> None:
            raise error("no room")

        handle = architecture.layers(model)[0].register_forward_pre_hook(fail)
        try:
            return original(model, architecture, tokens, *rest)
        finally:
            handle.remove()

    monkeypatch.setattr(early_exit, "run_model", run_model)
