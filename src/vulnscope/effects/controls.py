"""Directions that mean nothing, as many as tell chance apart: matched in covariance, and from shuffled labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch

from vulnscope.effects.reading.twins import AnyTwins, TwinStates

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from vulnscope.records.steer import ControlName

RANDOM: ControlName = "random directions"
SHUFFLED: ControlName = "shuffled labels"


def draw_controls(
    twins: AnyTwins, fit: Callable[[AnyTwins], Float[Tensor, " d_model"]], n: int, seed: int
) -> dict[ControlName, list[Float[Tensor, " d_model"]]]:
    """`n` directions of each sort, those of shuffled labels found by `fit`."""
    return {RANDOM: draw_random(twins, n, seed), SHUFFLED: draw_shuffled(twins, fit, n, seed + 1)}


def draw_random(twins: TwinStates, n: int, seed: int) -> list[Float[Tensor, " d_model"]]:
    """`n` directions with the covariance of the pair differences, which is where twins differ by chance.

    Each is a sum of the differences with normal weights, so that the matrix of covariance is never formed.
    """
    generator = torch.Generator().manual_seed(seed)
    differences = twins.differences()
    centred = differences - differences.mean(0)
    weights = torch.randn(n, len(centred), generator=generator) / max(1, len(centred) - 1) ** 0.5
    return list(weights @ centred)


def draw_shuffled(
    twins: AnyTwins, fit: Callable[[AnyTwins], Float[Tensor, " d_model"]], n: int, seed: int
) -> list[Float[Tensor, " d_model"]]:
    """`n` directions that `fit` finds, each after twins were swapped at random."""
    generator = np.random.default_rng(seed)
    return [fit(twins.swapped(generator)) for _ in range(n)]
