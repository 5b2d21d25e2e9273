"""First principal direction of pair differences (Zou et al. 2023, "representation engineering", section 3.1).

v = the first right singular vector of the matrix of differences, not centred, times its root mean square component;
its sign is that of the mean difference. Our deviation: differences always run from fixed to vulnerable instead of at
random, so that the sign needs no second fit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from vulnscope.steer.fitting import FitData


def fit_pca(data: FitData) -> Float[Tensor, " d_model"]:
    """The direction along which pair differences are largest, towards vulnerable."""
    differences = data.differences()
    _, sizes, axes = torch.linalg.svd(differences, full_matrices=False)
    first = axes[0]
    sign = 1.0 if float(differences.mean(0) @ first) >= 0 else -1.0
    found: Tensor = sign * first * sizes[0] / len(differences) ** 0.5
    return found
