"""The same architecture with fresh random weights: what a read-out finds there was never learned."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from vulnscope.errors import SubjectError

if TYPE_CHECKING:
    from vulnscope.models.subject.subject import Subject


def reinitialise(subject: Subject, seed: int) -> Subject:
    """`subject` with weights drawn anew by its own initialiser; tokenizer, dtype and device stay.

    Raises `SubjectError` for quantised subjects and subjects with an adapter, whose weights are not the model's own.
    """
    if subject.quantization or subject.adapter:
        what = "4-bit weights" if subject.quantization else "an adapter"
        raise SubjectError(f"a subject with {what} cannot be re-initialised; open it without")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = type(subject.model)._from_config(copy.deepcopy(subject.model.config), dtype=subject.dtype)
    model.to(subject.device)
    return replace(subject, name=f"{subject.name} (re-initialised)", model=model.eval(), digest=f"fresh-{seed}")
