"""The jackknife: what each group adds to a statistic that is no mean, and the standard error that follows.

Intervals from it are the mean of Tukey's pseudo-values plus or minus Student's t times their standard error (Tukey
1958), which also takes out the bias of order 1/n. Average precision needs that at any size: it reads too high by about
half a standard error at 100 groups, where BCa intervals covered 90 % in simulations and these 94 %.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from vulnscope.stats.groups import Floats, Statistic
from vulnscope.stats.ranking import AurocStatistic

_BLOCK_ENTRIES = 1_000_000


class Centred(NamedTuple):
    """Where an interval is centred, and the standard error there; NaN where it is unknown."""

    centre: float
    error: float


def pseudo_values(statistic: Statistic, n_groups: int) -> Floats:
    """Tukey's jackknife pseudo-value n t - (n - 1) t(without it) of each group, NaN where undefined.

    It is what the group adds to a statistic that is no mean, such as a difference of AUROCs; the mean of all is the
    statistic less its bias.
    """
    whole = statistic(np.ones((1, n_groups)))[0]
    rows = max(1, _BLOCK_ENTRIES // max(1, n_groups))
    parts = [
        statistic(1.0 - (np.arange(n_groups) == np.arange(at, min(at + rows, n_groups))[:, None]))
        for at in range(0, n_groups, rows)
    ]
    left_out: Floats = np.concatenate(parts) if parts else np.empty(0)
    values: Floats = n_groups * whole - (n_groups - 1) * left_out
    return values


def measure_error(statistic: Statistic, n_groups: int) -> Centred:
    """The standard error of a statistic: its own where it has one (AUROC, by dyads), else the jackknife's."""
    if isinstance(statistic, AurocStatistic):
        return Centred(float(statistic(np.ones((1, n_groups)))[0]), statistic.spread())
    if n_groups < 2:
        return Centred(math.nan, math.nan)
    values = pseudo_values(statistic, n_groups)
    return Centred(float(values.mean()), float(values.std(ddof=1)) / math.sqrt(n_groups))
