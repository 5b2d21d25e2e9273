"""Directions that mean nothing, as many as tell chance apart: matched in covariance, and from shuffled labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from vulnscope.steer.fitting import FitData, fit_direction

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from vulnscope.records.steer import ControlName

RANDOM: ControlName = "random directions"
SHUFFLED: ControlName = "shuffled labels"


def draw_random(data: FitData, n: int, seed: int) -> list[Float[Tensor, " d_model"]]:
    """`n` directions with the covariance of the pair differences, which is where twins differ by chance.

    Each is a sum of the differences with normal weights, so that the matrix of covariance is never formed.
    """
    generator = torch.Generator().manual_seed(seed)
    differences = data.differences()
    centred = differences - differences.mean(0)
    weights = torch.randn(n, len(centred), generator=generator) / max(1, len(centred) - 1) ** 0.5
    return list(weights @ centred)


def draw_shuffled(method: str, data: FitData, n: int, seed: int) -> list[Float[Tensor, " d_model"]]:
    """`n` directions of `method`, each fitted after twins were swapped at random."""
    generator = np.random.default_rng(seed)
    return [fit_direction(method, data.swapped(generator)) for _ in range(n)]
