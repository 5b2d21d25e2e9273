"""Estimates over items by group, as the studies of this room need them."""

from __future__ import annotations

from collections.abc import Sequence

from vulnscope import stats
from vulnscope.records.base import Estimate, NotMeasured, Number, not_measured
from vulnscope.stats import Bootstrap, Groups, Statistic, estimate


def estimate_mean(
    values: Sequence[float], groups: Groups, bootstrap: Bootstrap, *, is_proportion: bool = True
) -> Estimate:
    """Mean of one value per item with its interval; `NotMeasured` without items."""
    if not groups.n_items:
        return not_measured("no items to measure it on")
    return stats.estimate_mean(values, groups, bootstrap, is_proportion=is_proportion)


def estimate_statistic(statistic: Statistic, groups: Groups, bootstrap: Bootstrap) -> Estimate:
    """A statistic that is no mean, with its interval."""
    return estimate(statistic, groups.n_groups, groups.n_items, bootstrap, is_proportion=False)


def mirror(figure: Estimate) -> Estimate:
    """1 - figure, with its interval."""
    return figure.model_copy(
        update={"value": _complement(figure.value), "low": _complement(figure.high), "high": _complement(figure.low)}
    )


def _complement(value: Number) -> Number:
    return value if isinstance(value, NotMeasured) else 1 - value
