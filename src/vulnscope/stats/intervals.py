"""Figures with their 95 % intervals by group: value and interval are of one statistic, and made here only.

Which interval goes by the effective number of groups, n² / Σ n_g²:

- AUROC and differences of them: the standard error by dyads of groups (`ranking`) times Student's t.
- From `MANY_GROUPS` on: bootstrap over groups with bias correction and acceleration, BCa (Efron 1987; Efron &
  Tibshirani 1993, equations 14.9-14.15), half of the ties with the estimate counted below it.
- From `MIN_GROUPS` on: Student's t times the jackknife's standard error, with its measured coverage beside it. Fewer
  carry none. Proportions have Wilson's score interval at the effective groups below `MANY_GROUPS`.
- Where the groups show no spread, as with a perfect score: Wilson's on the scale of the statistic, if it has ends.

Percentile intervals are not offered: they cover 78-90 % where n is small. No interval is widened to hold its value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri, stdtrit

from vulnscope.records.base import Estimate, NotMeasured, Number, not_measured
from vulnscope.stats.bounds import COVERAGE_OF_FEW, MANY_GROUPS, MIN_GROUPS, describe_few, wilson
from vulnscope.stats.groups import Floats, Groups, Statistic, mean_statistic
from vulnscope.stats.jackknife import Centred, measure_error
from vulnscope.stats.ranking import AurocStatistic

_MAX_UNDEFINED_SHARE = 0.05
_MAX_JACKKNIFE = 500
_CHUNK_ENTRIES = 4_000_000
ROUNDING = 1e-12
"""A standard error below which nothing spreads."""


@dataclass(frozen=True)
class Bootstrap:
    """How resamples are drawn; equal settings give equal draws, so figures on the same groups are comparable."""

    n_draws: int = 2000
    seed: int = 0
    confidence: float = 0.95


class Rate(NamedTuple):
    """A proportion at so many effective groups."""

    value: float
    n_effective: float


def estimate(
    statistic: Statistic,
    groups: Groups,
    bootstrap: Bootstrap,
    *,
    low: float | None = None,
    high: float | None = None,
    is_proportion: bool = False,
    is_jackknifed: bool = False,
    n_folds: int | None = None,
    n_effective: float | None = None,
    n_items: int | None = None,
    undefined: str = "no items to measure it on",
) -> Estimate:
    """`statistic` at weights of one, with its interval.

    `low` and `high` are the ends of its scale; an AUROC knows its own. `is_proportion`: a mean of values within [0, 1],
    for which Wilson's interval holds. `is_jackknifed`: by the jackknife whatever the number of groups, around the mean
    of its pseudo-values, for statistics with a bias. `n_folds`: the rules behind the statistic were fitted on the other
    of so many folds, which widens the standard error (`widen_for_fitting`). `n_effective` and `n_items` replace those
    of `groups` where only part of them counts. `undefined` is the reason where there is no value.
    """
    if is_proportion:
        low, high = 0.0, 1.0
    if isinstance(statistic, AurocStatistic):
        low, high = statistic.ends
        n_items = statistic.n_items or groups.n_items
        n_effective = statistic.n_effective if n_effective is None else n_effective
        undefined = statistic.find_reason() or undefined
    n_items = groups.n_items if n_items is None else n_items
    effective = groups.n_effective if n_effective is None else n_effective
    value = float(statistic(np.ones((1, groups.n_groups)))[0]) if groups.n_groups else math.nan
    if math.isnan(value):
        return not_measured(undefined, n_items, groups.n_groups)
    scale = _Scale(low, high, bootstrap.confidence)
    is_auroc = isinstance(statistic, AurocStatistic)
    if is_proportion and effective < MANY_GROUPS:
        found = _by_wilson(value, effective, scale)
    elif effective < MIN_GROUPS:
        found = _without(describe_few(groups.n_groups, effective))
    elif effective < MANY_GROUPS or is_jackknifed or is_auroc or n_folds is not None:
        error = widen_for_fitting(measure_error(statistic, groups.n_groups), n_folds)
        if not is_jackknifed:
            error = error._replace(centre=value)
        found = _by_error(value, error, effective, scale, "dyads" if is_auroc else "jackknife")
    else:
        found = _by_draws(value, statistic, groups, effective, scale, bootstrap)
    return _state(value, found, n_items, groups)


def estimate_mean(values: ArrayLike, groups: Groups, bootstrap: Bootstrap, *, is_proportion: bool = True) -> Estimate:
    """Mean of one value per item with its interval; `NotMeasured` without items. Proportions lie within [0, 1]."""
    return estimate(mean_statistic(values, groups), groups, bootstrap, is_proportion=is_proportion)


def estimate_of_rates(
    of: Callable[..., Number], rates: Sequence[tuple[Rate, bool]], groups: Groups, n_items: int
) -> Estimate:
    """A monotone function of independent proportions, from Wilson's intervals that hold all of them in 95 %.

    Each rate comes with whether the function rises with it.
    """
    value = of(*(rate.value for rate, _ in rates))
    if isinstance(value, NotMeasured):
        return not_measured(value.reason, n_items, groups.n_groups)
    ends = [wilson(*rate, confidence=1 - 0.05 / len(rates))[:: 1 if is_rising else -1] for rate, is_rising in rates]
    low, high = (of(*each) for each in zip(*ends, strict=True))
    return _state(value, _Found(low, high, "wilson"), n_items, groups)


def widen_for_fitting(error: Centred, n_folds: int | None) -> Centred:
    """The standard error of rules each fitted on the other of `n_folds` folds (Nadeau & Bengio 2003).

    A statistic that holds the rules fixed lacks the spread of the fit, which a whole fold shares: the error grows by
    sqrt(1 + K / (K - 1)).
    """
    return error if n_folds is None else error._replace(error=error.error * math.sqrt(1 + n_folds / (n_folds - 1)))


def standard_error(statistic: Statistic, groups: Groups, n_folds: int | None = None) -> float | None:
    """The standard error by groups, None where so few groups, or groups that agree so much, do not show it.

    `n_folds` as in `estimate`.
    """
    effective = statistic.n_effective if isinstance(statistic, AurocStatistic) else groups.n_effective
    found = widen_for_fitting(measure_error(statistic, groups.n_groups), n_folds)
    error = found.error if effective >= MIN_GROUPS else math.nan
    return error if error > ROUNDING else None


def map_estimate(figure: Estimate, of: Callable[[float], Number], *, is_rising: bool = True) -> Estimate:
    """A monotone function of a figure, with its interval."""

    def at(value: Number) -> Number:
        return value if isinstance(value, NotMeasured) else of(value)

    low, high = (at(figure.low), at(figure.high))[:: 1 if is_rising else -1]
    return figure.model_copy(update={"value": at(figure.value), "low": low, "high": high})


def drop_interval(figure: Estimate, reason: str) -> Estimate:
    """The value alone, and why."""
    if isinstance(figure.value, NotMeasured):
        return figure
    missing = NotMeasured(reason=reason)
    return figure.model_copy(update={"low": missing, "high": missing, "method": "none", "coverage": None})


def fix_by_definition(figure: Estimate) -> Estimate:
    """A figure that has its value whatever the data: nothing to be uncertain of."""
    if isinstance(figure.value, NotMeasured):
        return figure
    ends = {"low": figure.value, "high": figure.value, "method": "by definition", "coverage": None}
    return figure.model_copy(update=ends)


class _Scale(NamedTuple):
    """The ends that a statistic can reach, None where it has none, and how sure the interval is to be."""

    low: float | None
    high: float | None
    confidence: float


class _Found(NamedTuple):
    low: Number
    high: Number
    method: str
    coverage: float | None = None


def _state(value: float, found: _Found, n_items: int, groups: Groups) -> Estimate:
    return Estimate(
        value=value,
        low=found.low,
        high=found.high,
        method=found.method,
        n=n_items,
        n_groups=groups.n_groups,
        coverage=found.coverage,
    )


def _without(reason: str) -> _Found:
    missing = NotMeasured(reason=reason)
    return _Found(missing, missing, "none")


def _by_wilson(value: float, effective: float, scale: _Scale) -> _Found:
    """On a scale of -1 to 1, too, a value is a mean of bounded ones, whose spread a proportion's exceeds."""
    if scale.low is None or scale.high is None:
        return _without("all groups say the same, which shows no spread")
    width = scale.high - scale.low
    share = min(1.0, max(0.0, (value - scale.low) / width))
    low, high = (scale.low + width * end for end in wilson(share, effective, scale.confidence))
    return _Found(low, high, "wilson")


def _by_error(value: float, found: Centred, effective: float, scale: _Scale, method: str) -> _Found:
    """Student's interval, cut to the scale."""
    if math.isnan(found.error):
        return _without("undefined without one of the groups")
    if found.error <= ROUNDING:
        return _by_wilson(value, effective, scale)
    half = float(stdtrit(effective - 1, (1 + scale.confidence) / 2)) * found.error
    lowest = -math.inf if scale.low is None else scale.low
    highest = math.inf if scale.high is None else scale.high
    low, high = (min(highest, max(lowest, end)) for end in (found.centre - half, found.centre + half))
    return _Found(low, high, method, COVERAGE_OF_FEW if effective < MANY_GROUPS else None)


def _by_draws(
    value: float, statistic: Statistic, groups: Groups, effective: float, scale: _Scale, bootstrap: Bootstrap
) -> _Found:
    draws = np.concatenate([statistic(weights) for weights in _draw_weights(groups.n_groups, bootstrap)])
    if np.isnan(draws).mean() > _MAX_UNDEFINED_SHARE:
        return _without("undefined in many resamples of the groups")
    if np.nanstd(draws) <= ROUNDING:
        return _by_wilson(value, effective, scale)
    left_out = np.concatenate([statistic(each) for each in _leave_out_weights(groups.n_groups, bootstrap.seed)])
    low, high = _bca(value, draws, left_out, bootstrap.confidence)
    return _Found(low, high, "bca")


def _bca(value: float, draws: Floats, jackknife: Floats, confidence: float) -> tuple[float, float]:
    draws = np.sort(draws[~np.isnan(draws)])
    below = np.mean(draws < value) + np.mean(draws == value) / 2
    # Half a draw away from 0 and 1: a bias beyond what so many draws can show is not infinite.
    bias = ndtri(np.clip(below, 0.5 / len(draws), 1 - 0.5 / len(draws)))
    acceleration = _acceleration(jackknife)
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
