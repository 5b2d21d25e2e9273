"""Items in groups: the unit that is resampled, flipped and counted (MEASURES, "Groups and intervals")."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Statistic = Callable[[Floats], Floats]
"""Group weights (draws × groups) in, one value per draw out; NaN where a draw leaves the value undefined."""


@dataclass(frozen=True)
class Groups:
    """Which group each item belongs to, as indices 0 ... n_groups - 1 in order of first appearance."""

    index: Ints
    n_groups: int

    @classmethod
    def from_labels(cls, labels: Sequence[Hashable]) -> Self:
        """Groups of items with equal labels."""
        numbers: dict[Hashable, int] = {}
        index = np.array([numbers.setdefault(label, len(numbers)) for label in labels], dtype=np.int64)
        return cls(index, len(numbers))

    @property
    def n_items(self) -> int:
        """Items in all groups."""
        return len(self.index)

    def sums(self, values: ArrayLike) -> Floats:
        """Sum of `values` (one per item) in each group."""
        items = np.asarray(values, dtype=np.float64)
        return np.bincount(self.index, weights=items, minlength=self.n_groups).astype(np.float64)


def mean_statistic(values: ArrayLike, groups: Groups, weights: ArrayLike | None = None) -> Statistic:
    """The mean of `values` over items as a function of group weights; `weights` counts items, 1 each by default."""
    items = np.asarray(values, dtype=np.float64)
    counts = np.ones_like(items) if weights is None else np.asarray(weights, dtype=np.float64)
    numerator, denominator = groups.sums(items * counts), groups.sums(counts)

    def statistic(draws: Floats) -> Floats:
        top, bottom = draws @ numerator, draws @ denominator
        return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)

    return statistic
