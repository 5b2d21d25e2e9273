"""The logit lens: what a hidden state would say if the model ended there (nostalgebraist 2020).

A hidden state is handed to the model as the output of its last layer, so that whatever follows the layers (final norm,
head, scaling, soft-capping) is the model's own, whatever its architecture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from vulnscope.errors import SubjectError
from vulnscope.models.forward.forward import run_model
from vulnscope.models.forward.resume import check_resume, resumed

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from vulnscope.models.subject.subject import Subject

_ROWS_AT_ONCE = 64


@torch.inference_mode()
def read_lens(
    subject: Subject, hidden: Float[Tensor, "n d_model"], tokens: Sequence[int]
) -> Float[Tensor, "n n_tokens"]:
    """Float32 logits of `tokens` for each hidden state, as if it left the last layer, on the CPU.

    Raises `SubjectError` where the subject cannot be entered above its last layer.
    """
    last = subject.architecture.n_layers - 1
    entry = check_resume(subject.model, subject.architecture, [last])
    if not entry.can_start(last):
        raise SubjectError(f"no logit lens: {entry.capability.reason}")
    found = []
    for start in range(0, len(hidden), _ROWS_AT_ONCE):
        states = hidden[start : start + _ROWS_AT_ONCE, None].to(subject.device, subject.dtype)
        ids = torch.zeros(len(states), 1, dtype=torch.long, device=subject.device)
        with resumed(subject.model, subject.architecture, entry.n_returned, last, states):
            logits = run_model(subject.model, subject.architecture, ids, torch.zeros_like(ids))
        found.append(logits[:, 0, list(tokens)].float().cpu())
    return torch.cat(found)
