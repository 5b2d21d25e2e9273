"""Tiny subjects of every architecture, opened once per process."""

from __future__ import annotations

from functools import lru_cache

import torch
from tests.models.zoo import tiny_model, tiny_tokenizer

from vulnscope.models.forward.hooks import STREAMS, Site
from vulnscope.models.subject.sites import proven_layers
from vulnscope.models.subject.subject import Subject, wrap_model

DENSE, TUPLE, EXPERTS, RECURRENT = "qwen2", "gptj", "mixtral", "mamba"
"""One architecture of each kind: plain tensors, layers that return tuples, mixture of experts, recurrent state."""


@lru_cache(maxsize=2)
def tiny_subject(name: str = DENSE) -> Subject:
    """A self-checked tiny subject; tests leave it as they found it."""
    return wrap_model(tiny_model(name), tiny_tokenizer(), name=name)


def proven_sites(subject: Subject) -> list[Site]:
    """Every site the subject offers."""
    return [Site(layer, stream) for stream in STREAMS for layer in proven_layers(subject, stream)]


def random_tokens(*lengths: int, seed: int = 0) -> list[tuple[int, ...]]:
    """Token rows of the given lengths."""
    generator = torch.Generator().manual_seed(seed)
    return [tuple(torch.randint(3, 90, (length,), generator=generator).tolist()) for length in lengths]
