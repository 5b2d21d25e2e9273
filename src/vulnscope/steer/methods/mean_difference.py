"""Difference of means (Marks & Tegmark 2023; Rimsky et al. 2024, "contrastive activation addition").

Paired:   v = mean over groups of the mean over their pairs of (h_vulnerable − h_fixed)
Unpaired: v = mean of all h_vulnerable − mean of all h_fixed

They differ where samples have no twin and where groups hold different numbers of pairs: paired counts each group once,
so that one commit with many functions does not decide the direction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from vulnscope.steer.fitting import FitData


def fit_paired(data: FitData) -> Float[Tensor, " d_model"]:
    """Mean difference within pairs, each group counted once."""
    return data.mean_difference()


def fit_unpaired(data: FitData) -> Float[Tensor, " d_model"]:
    """Mean of vulnerable minus mean of fixed samples, each sample counted once."""
    labels = torch.from_numpy(data.is_vulnerable)
    return data.states[labels].mean(0) - data.states[~labels].mean(0)
