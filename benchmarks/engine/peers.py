"""How others do it: a hook and a full forward for every point, by hand or through a library."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from vulnscope.models import Subject

Tokens = tuple[int, ...]
# Rows of one forward; more gained nothing on any side.
ROWS = 8


def is_installed(package: str) -> bool:
    """Whether a peer can be imported here."""
    return importlib.util.find_spec(package) is not None


@contextmanager
def hooked(subject: Subject, layer: int, vector: Tensor, tokens: slice) -> Iterator[None]:
    """A plain forward hook that adds `vector` to the output of `layer` at `tokens`."""

    def add(_module: Any, _inputs: Any, hidden: Tensor) -> Tensor:
        hidden = hidden.clone()
        hidden[:, tokens] += vector
        return hidden

    handle = subject.layers[layer].register_forward_hook(add)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def steered(subject: Subject, layer: int, vector: Tensor, tokens: slice) -> Iterator[None]:
    """The same through steering-vectors."""
    from steering_vectors import SteeringVector  # type: ignore[import-not-found]

    # Not `apply`, which passes a min_token_index of its own and then refuses both.
    handle = SteeringVector({layer: vector}).patch_activations(subject.model, token_indices=tokens)
    try:
        yield
    finally:
        handle.remove()


def score_plainly(
    subject: Subject, prompts: Sequence[Tokens], wanted: Sequence[int], context: Callable[[], Any], *, all_logits: bool
) -> list[list[float]]:
    """Log-probabilities of `wanted` after each prompt: one forward per batch, padded on the left, under `context`."""
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    found: dict[int, list[float]] = {}
    for start in range(0, len(order), ROWS):
        rows = order[start : start + ROWS]
        tokens, mask, positions = _pad_left([prompts[i] for i in rows], subject.device)
        keep: dict[str, int] = {} if all_logits else {"logits_to_keep": 1}
        with torch.inference_mode(), context():
            output = subject.model(
                input_ids=tokens, attention_mask=mask, position_ids=positions, use_cache=False, **keep
            )
        log_probs = output.logits[:, -1].float().log_softmax(-1)[:, list(wanted)]
        found.update(zip(rows, log_probs.tolist(), strict=True))
    return [found[i] for i in range(len(prompts))]


def _pad_left(rows: Sequence[Tokens], device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    width = max(map(len, rows))
    tokens = torch.tensor([(0,) * (width - len(row)) + row for row in rows], device=device)
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=device)
    return tokens, mask, (mask.cumsum(-1) - 1).clamp(min=0)
