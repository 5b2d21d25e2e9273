"""The direction of a logistic read-out (Li et al. 2023, "inference-time intervention", section 3).

Logistic regression on standardised states, penalty |w|²/2 (scikit-learn's C = 1); v = w / σ, the normal of the decision
plane in the states' own coordinates, scaled so that the two means lie one v apart along it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from vulnscope.steer.fitting import FitData


def fit_logistic(data: FitData) -> Float[Tensor, " d_model"]:
    """The normal of the plane that best separates vulnerable from fixed states."""
    from sklearn.linear_model import LogisticRegression

    states = data.states.double()
    deviation = states.std(0)
    is_varying = deviation > 1e-6 * states.abs().mean(0).clamp(min=1e-6)
    inverse = torch.where(is_varying, 1 / deviation.clamp(min=1e-30), torch.zeros_like(deviation))
    scaled = (states - states.mean(0)) * inverse
    model = LogisticRegression(C=1.0, max_iter=2000).fit(scaled.numpy(), data.is_vulnerable)
    normal = torch.from_numpy(model.coef_[0]) * inverse
    labels = torch.from_numpy(data.is_vulnerable)
    apart = states[labels].mean(0) - states[~labels].mean(0)
    direction = normal / normal.norm().clamp(min=1e-30)
    found: Tensor = (direction * (direction @ apart).abs().clamp(min=1e-6)).float()
    return found
