"""95 % intervals by group.

From 30 groups on: bootstrap over groups with bias correction and acceleration, BCa (Efron 1987; Efron & Tibshirani
1993, equations 14.9-14.15), half of the ties with the estimate counted below it. With fewer groups, or where every
draw gives the same value: Wilson's score interval (1927) at n = groups for proportions, no interval otherwise.
Percentile intervals are not offered: they cover 78-90 % where n is small.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from vulnscope.records.base import Estimate, NotMeasured, Number, not_measured
from vulnscope.stats.groups import Floats, Groups, Statistic, mean_statistic

MIN_GROUPS = 30
"""Groups from which on the bootstrap is trusted."""

_MAX_UNDEFINED_SHARE = 0.05
_MAX_JACKKNIFE = 500
_CHUNK_ENTRIES = 4_000_000


@dataclass(frozen=True)
class Bootstrap:
    """How resamples are drawn; equal settings give equal draws, so figures on the same groups are comparable."""

    n_draws: int = 2000
    seed: int = 0
    confidence: float = 0.95


@dataclass(frozen=True)
class Resampled:
    """A statistic on the data and, from `MIN_GROUPS` groups on, on bootstrap and leave-out resamples of the groups."""

    value: float
    draws: Floats
    jackknife: Floats
    n_groups: int

    @property
    def is_spread(self) -> bool:
        """Whether the draws carry an interval: enough groups, defined nearly everywhere, and not all equal."""
        if self.n_groups < MIN_GROUPS or len(self.draws) == 0:
            return False
        return bool(np.isnan(self.draws).mean() <= _MAX_UNDEFINED_SHARE and np.nanstd(self.draws) > 1e-12)

    @property
    def standard_error(self) -> float | None:
        """Standard deviation of the draws, None where they carry no interval."""
        return float(np.nanstd(self.draws, ddof=1)) if self.is_spread else None


def resample(statistic: Statistic, n_groups: int, bootstrap: Bootstrap) -> Resampled:
    """`statistic` on the data and on resamples; the value is NaN where it is undefined."""
    if n_groups == 0:
        return Resampled(math.nan, np.empty(0), np.empty(0), 0)
    value = float(statistic(np.ones((1, n_groups)))[0])
    if n_groups < MIN_GROUPS or math.isnan(value):
        return Resampled(value, np.empty(0), np.empty(0), n_groups)
    draws = np.concatenate([statistic(weights) for weights in _draw_weights(n_groups, bootstrap)])
    jackknife = np.concatenate([statistic(weights) for weights in _leave_out_weights(n_groups, bootstrap.seed)])
    return Resampled(value, draws, jackknife, n_groups)


def interval(
    resampled: Resampled, n_items: int, bootstrap: Bootstrap, *, is_proportion: bool, value: float | None = None
) -> Estimate:
    """The value with its interval. `is_proportion`: a mean of values within [0, 1], for which Wilson's holds.

    `value` is the figure to state where it is not the one resampled; the interval is widened to hold it.
    """
    n_groups = resampled.n_groups
    value = resampled.value if value is None else value
    if math.isnan(value):
        return not_measured("no items to measure it on", n_items, n_groups)
    if resampled.is_spread:
        low, high = _bca(resampled, bootstrap.confidence)
        low, high = min(low, value), max(high, value)
        return Estimate(value=value, low=low, high=high, method="bca", n=n_items, n_groups=n_groups)
    if is_proportion:
        low, high = wilson(value, n_groups, bootstrap.confidence)
        return Estimate(value=value, low=low, high=high, method="wilson", n=n_items, n_groups=n_groups)
    missing = NotMeasured(reason=_why_no_interval(n_groups))
    return Estimate(value=value, low=missing, high=missing, method="none", n=n_items, n_groups=n_groups)


def interval_within(
    resampled: Resampled, n_items: int, bootstrap: Bootstrap, low: float, high: float, *, value: float | None = None
) -> Estimate:
    """`interval` of a mean of values between `low` and `high`; Wilson's on that scale where the draws do not spread.

    An AUROC is such a mean, the share of samples ranked right, and so are differences of shares. Too few groups to
    resample stay too few.
    """
    found = interval(resampled, n_items, bootstrap, is_proportion=False, value=value)
    if isinstance(found.value, NotMeasured) or resampled.n_groups < MIN_GROUPS or found.method != "none":
        return found
    ends = wilson((found.value - low) / (high - low), resampled.n_groups, bootstrap.confidence)
    lowest, highest = (low + end * (high - low) for end in ends)
    return found.model_copy(update={"low": lowest, "high": highest, "method": "wilson"})


def estimate_within(
    statistic: Statistic, groups: Groups, bootstrap: Bootstrap, low: float, high: float, *, value: Number
) -> Estimate:
    """`interval_within` of `resample` around `value`, or why that was not measured."""
    if isinstance(value, NotMeasured):
        return not_measured(value.reason, groups.n_items, groups.n_groups)
    resampled = resample(statistic, groups.n_groups, bootstrap)
    return interval_within(resampled, groups.n_items, bootstrap, low, high, value=value)


def estimate(
    statistic: Statistic, n_groups: int, n_items: int, bootstrap: Bootstrap, *, is_proportion: bool
) -> Estimate:
    """`interval` of `resample`."""
    return interval(resample(statistic, n_groups, bootstrap), n_items, bootstrap, is_proportion=is_proportion)


def estimate_mean(values: ArrayLike, groups: Groups, bootstrap: Bootstrap, *, is_proportion: bool = True) -> Estimate:
    """Mean of one value per item with its interval; `NotMeasured` without items. Proportions lie within [0, 1]."""
    statistic = mean_statistic(values, groups)
    return estimate(statistic, groups.n_groups, groups.n_items, bootstrap, is_proportion=is_proportion)


def wilson(rate: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a proportion `rate` at `n` independent units."""
    z = float(ndtri((1 + confidence) / 2))
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def _bca(resampled: Resampled, confidence: float) -> tuple[float, float]:
    draws = np.sort(resampled.draws[~np.isnan(resampled.draws)])
    below = np.mean(draws < resampled.value) + np.mean(draws == resampled.value) / 2
    # Half a draw away from 0 and 1: a bias beyond what so many draws can show is not infinite.
    bias = ndtri(np.clip(below, 0.5 / len(draws), 1 - 0.5 / len(draws)))
    acceleration = _acceleration(resampled.jackknife)
    ends = bias + ndtri(np.array([(1 - confidence) / 2, (1 + confidence) / 2]))
    low, high = np.quantile(draws, ndtr(bias + ends / (1 - acceleration * ends)))
    return float(low), float(high)


def _acceleration(jackknife: Floats) -> float:
    values = jackknife[~np.isnan(jackknife)]
    deviation = values.mean() - values
    spread = float((deviation**2).sum()) ** 1.5
    return float((deviation**3).sum()) / (6 * spread) if spread > 0 else 0.0


def _draw_weights(n_groups: int, bootstrap: Bootstrap) -> Iterator[Floats]:
    """How often each draw took each group, in chunks of bounded size."""
    rows = max(1, _CHUNK_ENTRIES // n_groups)
    if rows >= bootstrap.n_draws:
        yield _all_weights(n_groups, bootstrap.n_draws, bootstrap.seed)
        return
    generator = np.random.default_rng(bootstrap.seed)
    for at in range(0, bootstrap.n_draws, rows):
        yield _count_draws(n_groups, min(rows, bootstrap.n_draws - at), generator)


@lru_cache(maxsize=2)
def _all_weights(n_groups: int, n_draws: int, seed: int) -> Floats:
    weights = _count_draws(n_groups, n_draws, np.random.default_rng(seed))
    weights.flags.writeable = False
    return weights


def _count_draws(n_groups: int, n_draws: int, generator: np.random.Generator) -> Floats:
    drawn = generator.integers(0, n_groups, size=(n_draws, n_groups)) + np.arange(n_draws)[:, None] * n_groups
    counts = np.bincount(drawn.ravel(), minlength=n_draws * n_groups)
    return counts.reshape(n_draws, n_groups).astype(np.float64)


def _leave_out_weights(n_groups: int, seed: int) -> Iterator[Floats]:
    """Leave one group out per row; above `_MAX_JACKKNIFE` groups one random block each, which keeps the skewness."""
    blocks = np.arange(n_groups) % _MAX_JACKKNIFE
    if n_groups > _MAX_JACKKNIFE:
        np.random.default_rng(seed).shuffle(blocks)
    left_out = np.arange(min(n_groups, _MAX_JACKKNIFE))
    rows = max(1, _CHUNK_ENTRIES // n_groups)
    for at in range(0, len(left_out), rows):
        yield (blocks[None, :] != left_out[at : at + rows, None]).astype(np.float64)


def _why_no_interval(n_groups: int) -> str:
    if n_groups < MIN_GROUPS:
        return f"too few groups ({n_groups}, {MIN_GROUPS} needed)"
    return f"too few groups: resamples of all {n_groups} show no spread"
