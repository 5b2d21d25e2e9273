"""What every method fits on: activations of the fit split at one site, twins matched."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from vulnscope import registry
from vulnscope.errors import InputError
from vulnscope.models import NormUnit, Selector, Site, Subject
from vulnscope.models.subject.sites import name_site

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from vulnscope.ask.scored.items import Asked
    from vulnscope.steer.config import SteerConfig


@dataclass(frozen=True, eq=False)
class FitData:
    """The fit split at one site and selector.

    `states` are mean activations over the selected tokens; `pairs` the places of (vulnerable, fixed) twins, `groups`
    the group number of each item. `asked` are the canonical questions, for methods that run the subject.
    """

    subject: Subject
    site: Site
    selector: Selector
    states: Float[Tensor, "n d_model"]
    is_vulnerable: np.ndarray
    pairs: Int[np.ndarray, "n_pairs 2"]
    groups: Int[np.ndarray, " n"]
    unit: NormUnit
    asked: tuple[Asked, Asked]
    config: SteerConfig

    def differences(self) -> Float[Tensor, "n_pairs d_model"]:
        """Vulnerable minus fixed, pair by pair."""
        return self.states[self.pairs[:, 0]] - self.states[self.pairs[:, 1]]

    def swapped(self, generator: np.random.Generator) -> FitData:
        """The same data with twins swapped at random, all pairs of a group together: labels that mean nothing."""
        flips = generator.integers(0, 2, size=int(self.groups.max()) + 1).astype(bool)
        is_flipped = flips[self.groups[self.pairs[:, 0]]]
        pairs = np.where(is_flipped[:, None], self.pairs[:, ::-1], self.pairs)
        labels = self.is_vulnerable.copy()
        labels[pairs[:, 0]], labels[pairs[:, 1]] = True, False
        return replace(self, pairs=pairs, is_vulnerable=labels)


Method = Callable[[FitData], "Float[Tensor, ' d_model']"]


def fit_direction(method: str, data: FitData) -> Float[Tensor, " d_model"]:
    """The direction of a registered method, towards vulnerable, of its own length.

    Raises `InputError` where it cannot be found: a vector of norm 0, or numbers that are not finite.
    """
    fit: Method = registry.resolve("steering", method)
    found = fit(data).detach().float().cpu()
    where = f"method {method!r} at {name_site(data.site)} ({data.selector})"
    if not bool(torch.isfinite(found).all()):
        raise InputError(f"{where} gave NaN or infinity; open the model with --dtype float32")
    if not bool(found.any()):
        raise InputError(
            f"{where} gave a vector of norm 0: the twins do not differ there. Choose other layers or tokens"
        )
    return found


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
