"""The jackknife: what each group adds to a statistic that is no mean, and the interval that follows.

The interval is the mean of Tukey's pseudo-values plus or minus Student's t times their standard error (Tukey 1958), a
studentised interval that also takes out the bias of order 1/n. Average precision needs that: it reads too high by about
half a standard error at 100 groups, where BCa intervals covered 90 % in simulations and these 94 %.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import stdtrit

from vulnscope.records.base import Estimate, NotMeasured, not_measured
from vulnscope.stats.groups import Floats, Statistic
from vulnscope.stats.intervals import MIN_GROUPS, wilson

_BLOCK_ENTRIES = 1_000_000
_CONFIDENCE = 0.95


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


def estimate_by_jackknife(
    statistic: Statistic, n_groups: int, n_items: int, *, low: float = -math.inf, high: float = math.inf
) -> Estimate:
    """The statistic with its 95 % interval, cut to the range `low` to `high` that it can have.

    From `MIN_GROUPS` groups on, and where no group is indispensable; otherwise the value alone. Where leaving any group
    out changes nothing, the interval is Wilson's on the scale of a given range (as in `interval_within`).
    """
    value = float(statistic(np.ones((1, n_groups)))[0]) if n_groups else math.nan
    if math.isnan(value):
        return not_measured("no items to measure it on", n_items, n_groups)
    if n_groups < MIN_GROUPS:
        reason = f"too few groups ({n_groups}, {MIN_GROUPS} needed)"
    else:
        values = pseudo_values(statistic, n_groups)
        error = float(values.std(ddof=1)) / math.sqrt(n_groups)
        if not math.isnan(error) and error > 1e-12:
            half = float(stdtrit(n_groups - 1, (1 + _CONFIDENCE) / 2)) * error
            ends = min(value, float(values.mean()) - half), max(value, float(values.mean()) + half)
            return Estimate(
                value=value,
                low=max(low, ends[0]),
                high=min(high, ends[1]),
                method="jackknife",
                n=n_items,
                n_groups=n_groups,
            )
        if error <= 1e-12 and math.isfinite(low) and math.isfinite(high):
            ends = wilson((value - low) / (high - low), n_groups)
            return Estimate(
                value=value,
                low=low + ends[0] * (high - low),
                high=low + ends[1] * (high - low),
                method="wilson",
                n=n_items,
                n_groups=n_groups,
            )
        reason = f"too few groups: leaving one out of {n_groups} changes nothing, or leaves nothing"
    missing = NotMeasured(reason=reason)
    return Estimate(value=value, low=missing, high=missing, method="none", n=n_items, n_groups=n_groups)
