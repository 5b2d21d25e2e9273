"""What every method fits on: activations of the fit split at one site, twins matched."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from vulnscope import registry
from vulnscope.effects.reading.twins import TwinStates, check_direction

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from vulnscope.ask.scored.items import QuestionItems
    from vulnscope.models import NormUnit, Subject
    from vulnscope.steer.config import SteerConfig


@dataclass(frozen=True, eq=False)
class FitData(TwinStates):
    """The fit split at one site and selector.

    `unit` is the norm unit there; `asked` are the canonical questions, for methods that run the subject.
    """

    unit: NormUnit
    subject: Subject
    asked: tuple[QuestionItems, QuestionItems]
    config: SteerConfig


Method = Callable[[FitData], "Float[Tensor, ' d_model']"]


def fit_direction(method: str, data: FitData) -> Float[Tensor, " d_model"]:
    """The direction of a registered method, towards vulnerable, of its own length.

    Raises `InputError` where it cannot be found: a vector of norm 0, or numbers that are not finite.
    """
    fit: Method = registry.resolve("steering", method)
    return check_direction(fit(data), method, data)


def mean_agreement(differences: Float[Tensor, "n d_model"], groups: Sequence[int] | np.ndarray) -> float | None:
    """Mean cosine of pair differences of different groups; None with fewer than two groups.

    Near 0 the pairs share no direction, and no single vector can steer them all.
    """
    norms = differences.norm(dim=-1, keepdim=True)
    units = torch.where(norms > 0, differences / norms.clamp(min=1e-30), torch.zeros_like(differences)).double()
    index = torch.as_tensor(np.unique(np.asarray(groups), return_inverse=True)[1])
    sums = torch.zeros(int(index.max()) + 1, units.shape[1], dtype=torch.float64).index_add_(0, index, units)
    counts = torch.bincount(index).double()
    n_comparisons = float(counts.sum() ** 2 - (counts**2).sum())
    if n_comparisons <= 0:
        return None
    total = sums.sum(0)
    return float((total @ total - (sums * sums).sum()) / n_comparisons)


def list_methods() -> Mapping[str, str]:
    """Names of all methods with the first line of what each does."""
    names = registry.list_names("steering")
    return {name: (registry.resolve("steering", name).__doc__ or "").splitlines()[0] for name in names}
