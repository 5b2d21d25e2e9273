"""Differences of means at the end of the prompt, fitted on all samples or, for each sample, on the other weaknesses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from vulnscope.errors import InputError
from vulnscope.models import Site, Subject, as_selector
from vulnscope.models.read.pooling import Pool, capture_pools

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float
    from torch import Tensor

    from vulnscope.corpora import Sample
    from vulnscope.models import TokenText


def read_states(
    subject: Subject, items: Sequence[TokenText], layers: Sequence[int], max_tokens: int | None
) -> dict[int, Float[Tensor, "n d_model"]]:
    """Activations after each layer at the last token of every prompt."""
    pool = Pool(as_selector("last"), "mean")
    found = capture_pools(subject, items, [Site(layer) for layer in layers], {"last": pool}, max_tokens=max_tokens)
    return {layer: found.values["last", Site(layer)] for layer in layers}


def fit_rows(
    states: Float[Tensor, "n d_model"], is_vulnerable: np.ndarray, others: np.ndarray | None, *, is_normalised: bool
) -> Float[Tensor, "n d_model"]:
    """Mean of vulnerable minus mean of fixed samples, one row for each sample.

    `others[i, j]` says whether sample j may be fitted on for sample i; None: all for all.
    """
    labels = torch.as_tensor(is_vulnerable)
    allowed = torch.ones(len(states), len(states)) if others is None else torch.as_tensor(others).float()
    rows = _means(states, allowed * labels) - _means(states, allowed * ~labels)
    norms = rows.norm(dim=-1, keepdim=True)
    if not bool(torch.isfinite(rows).all()) or bool((norms == 0).any()):
        raise InputError(
            "the difference of means has norm 0 or is not finite: the twins do not differ at the end of the prompt. "
            "Take another corpus, or open the model with --dtype float32"
        )
    return rows / norms if is_normalised else rows


def find_others(samples: Sequence[Sample], groups: dict[str, str]) -> np.ndarray:
    """Which samples share neither a weakness nor, through any sample of it, a group with each sample (n × n)."""
    import numpy as np

    found = np.zeros((len(samples), len(samples)), dtype=bool)
    for row, sample in enumerate(samples):
        own = {groups[other.id] for other in samples if other.cwes == sample.cwes}
        found[row] = [other.cwes != sample.cwes and groups[other.id] not in own for other in samples]
    if not found.any(axis=1).all():
        raise InputError("samples of different weaknesses are near-duplicates; nothing is left to fit on. Take more")
    return found


def _means(states: Float[Tensor, "n d_model"], weights: Float[Tensor, "n n"]) -> Float[Tensor, "n d_model"]:
    total = weights.double().sum(1, keepdim=True)
    return (weights.double() @ states.double() / total).float()
