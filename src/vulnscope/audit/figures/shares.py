"""Estimates over items by group, as the studies of this room need them."""

from __future__ import annotations

from collections.abc import Sequence

from vulnscope import stats
from vulnscope.records.base import Estimate, not_measured
from vulnscope.stats import Bootstrap, Groups, map_estimate


def estimate_mean(
    values: Sequence[float], groups: Groups, bootstrap: Bootstrap, *, is_proportion: bool = True
) -> Estimate:
    """Mean of one value per item with its interval; `NotMeasured` without items."""
    if not groups.n_items:
        return not_measured("no items to measure it on")
    return stats.estimate_mean(values, groups, bootstrap, is_proportion=is_proportion)


def mirror(figure: Estimate) -> Estimate:
    """1 - figure, with its interval."""
    return map_estimate(figure, lambda value: 1 - value, is_rising=False)
