"""Activations of twins: what directions are fitted on, drawn from and read out of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self, TypeVar

import numpy as np
import torch

from vulnscope.errors import InputError
from vulnscope.models import Selector, Site, Subject, as_selector
from vulnscope.models.read.pooling import Pool, capture_pools
from vulnscope.models.subject.sites import name_site
from vulnscope.models.text.selectors import part
from vulnscope.stats import Groups

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from vulnscope.effects.splits import Split

Place = tuple[Site, Selector]


@dataclass(frozen=True, eq=False)
class TwinStates:
    """A split at one site and selector.

    `states` are mean activations over the selected tokens; `pairs` the places of (vulnerable, fixed) twins, `groups`
    the group number of each item.
    """

    site: Site
    selector: Selector
    states: Float[Tensor, "n d_model"]
    is_vulnerable: np.ndarray
    pairs: Int[np.ndarray, "n_pairs 2"]
    groups: Int[np.ndarray, " n"]

    def differences(self) -> Float[Tensor, "n_pairs d_model"]:
        """Vulnerable minus fixed, pair by pair."""
        return self.states[self.pairs[:, 0]] - self.states[self.pairs[:, 1]]

    def mean_difference(self) -> Float[Tensor, " d_model"]:
        """Mean difference within pairs, each group counted once."""
        index = torch.from_numpy(self.groups[self.pairs[:, 0]])
        differences = self.differences()
        sums = torch.zeros(int(index.max()) + 1, differences.shape[1]).index_add_(0, index, differences)
        counts = torch.bincount(index, minlength=len(sums))
        present = counts > 0
        return (sums[present] / counts[present, None]).mean(0)

    def swapped(self, generator: np.random.Generator) -> Self:
        """The same data with twins swapped at random, all pairs of a group together: labels that mean nothing."""
        flips = generator.integers(0, 2, size=int(self.groups.max()) + 1).astype(bool)
        is_flipped = flips[self.groups[self.pairs[:, 0]]]
        pairs = np.where(is_flipped[:, None], self.pairs[:, ::-1], self.pairs)
        labels = self.is_vulnerable.copy()
        labels[pairs[:, 0]], labels[pairs[:, 1]] = True, False
        return replace(self, pairs=pairs, is_vulnerable=labels)


AnyTwins = TypeVar("AnyTwins", bound=TwinStates)
PAIRED = "mean-difference-paired"
"""The method that `TwinStates.mean_difference` is."""


def check_direction(found: Float[Tensor, " d_model"], method: str, twins: TwinStates) -> Float[Tensor, " d_model"]:
    """What `method` found at the place of `twins`, as float32 on the CPU.

    Raises `InputError` for a vector of norm 0, or numbers that are not finite.
    """
    found = found.detach().float().cpu()
    where = f"method {method!r} at {name_site(twins.site)} ({twins.selector})"
    if not bool(torch.isfinite(found).all()):
        raise InputError(f"{where} gave NaN or infinity; open the model with --dtype float32")
    if not bool(found.any()):
        raise InputError(
            f"{where} gave a vector of norm 0: the twins do not differ there. Choose other layers or tokens"
        )
    return found


def find_mean_difference(twins: TwinStates) -> Float[Tensor, " d_model"]:
    """The mean difference, checked like that of any method."""
    return check_direction(twins.mean_difference(), PAIRED, twins)


def choose_selector(name: str) -> Selector:
    """`last`, `all`, `changed`, or a part of the prompt such as `code` or `question`."""
    return part(name) if name in ("code", "question") else as_selector(name)


def read_twins(
    subject: Subject, split: Split, sites: Sequence[Site], selectors: Sequence[Selector], max_tokens: int | None = None
) -> dict[Place, TwinStates]:
    """A split at every site and selector, from one pass; the subject runs unedited.

    Raises `InputError` where a selector picks nothing in some sample.
    """
    items = split.asked[0].items
    pools = {str(selector): Pool(selector, "mean") for selector in selectors}
    usable = [item for item in items if "changed" not in pools or item.changed_window]
    if len(usable) < len(items):
        raise InputError(
            "the selector changed needs twins: "
            f"{len(items) - len(usable)} samples of the fit groups have no known change. Leave it out"
        )
    found = capture_pools(subject, items, sites, pools, max_tokens=max_tokens)
    numbers = Groups.from_labels(split.items.groups).index
    data = {}
    for selector in selectors:
        for site in sites:
            data[site, selector] = TwinStates(
                site=site,
                selector=selector,
                states=found.values[str(selector), site],
                is_vulnerable=split.items.is_vulnerable,
                pairs=split.items.twins(),
                groups=numbers,
            )
    return data


def read_out(
    subject: Subject, split: Split, place: Place, direction: Float[Tensor, " d_model"], max_tokens: int | None = None
) -> np.ndarray:
    """The states of a split at one place along `direction`, one number per item."""
    site, selector = place
    pools = {"own": Pool(selector, "mean")}
    found = capture_pools(subject, split.asked[0].items, [site], pools, max_tokens=max_tokens)
    numbers: np.ndarray = (found.values["own", site] @ direction).numpy()
    return numbers


def best_place(
    data: Mapping[Place, TwinStates], split: Split, subject: Subject, max_tokens: int | None = None
) -> Place:
    """The place whose mean difference in `data` ranks most twins of `split`; the first of equals."""
    pools = {str(selector): Pool(selector, "mean") for _, selector in data}
    sites = list(dict.fromkeys(site for site, _ in data))
    found = capture_pools(subject, split.asked[0].items, sites, pools, max_tokens=max_tokens)
    twins = split.items.twins()

    def share(place: Place) -> float:
        site, selector = place
        read = (found.values[str(selector), site] @ find_mean_difference(data[place])).numpy()
        return float(np.mean(read[twins[:, 0]] > read[twins[:, 1]]))

    return max(data, key=share)
