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

    @property
    def sizes(self) -> Ints:
        """Items in each group."""
        return np.bincount(self.index, minlength=self.n_groups)

    @property
    def n_effective(self) -> float:
        """Groups of equal size that would say as much: n² / Σ n_g² (Kish 1965); 0 without items."""
        return count_effective(self.sizes)

    @property
    def largest_share(self) -> float:
        """Share of the items that the largest group holds; 0 without items."""
        return float(self.sizes.max() / self.n_items) if self.n_items else 0.0

    def sums(self, values: ArrayLike) -> Floats:
        """Sum of `values` (one per item) in each group."""
        items = np.asarray(values, dtype=np.float64)
        return np.bincount(self.index, weights=items, minlength=self.n_groups).astype(np.float64)


def count_effective(sizes: ArrayLike) -> float:
    """(Σ n_g)² / Σ n_g² of group sizes: `n` for equal sizes, close to 1 where one group holds nearly everything."""
    counts = np.asarray(sizes, dtype=np.float64)
    return float(counts.sum() ** 2 / (counts @ counts)) if counts.any() else 0.0


def mean_statistic(values: ArrayLike, groups: Groups, weights: ArrayLike | None = None) -> Statistic:
    """The mean of `values` over items as a function of group weights; `weights` counts items, 1 each by default."""
    items = np.asarray(values, dtype=np.float64)
    counts = np.ones_like(items) if weights is None else np.asarray(weights, dtype=np.float64)
    numerator, denominator = groups.sums(items * counts), groups.sums(counts)

    def statistic(draws: Floats) -> Floats:
        top, bottom = draws @ numerator, draws @ denominator
        return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)

    return statistic
