"""What n could have shown: minimal detectable differences at a two-sided level and a power.

Normal approximation (Lehr's rule generalised): (z[1 - alpha/2] + z[power]) × standard error. The standard error is
the measured one by group where there is one, otherwise that of independent groups under no effect.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import ndtri
from scipy.stats import binom

from vulnscope.records.base import NotMeasured, Number
from vulnscope.stats.groups import Groups

ALPHA = 0.05
POWER = 0.8


def detectable_difference(standard_error: float, *, alpha: float = ALPHA, power: float = POWER) -> float:
    """Smallest true difference that a two-sided test at `alpha` finds with probability `power`."""
    return float(ndtri(1 - alpha / 2) + ndtri(power)) * standard_error


def detectable_in_family(single: Number, n_tests: int, *, alpha: float = ALPHA, power: float = POWER) -> Number:
    """What one test could have shown, `single`, as one of `n_tests` that are corrected together.

    At the level of Holm's first and strictest step, `alpha` / `n_tests`: a figure found with the others already shown
    needs less.
    """
    if isinstance(single, NotMeasured) or n_tests <= 1:
        return single
    alone = detectable_difference(1.0, alpha=alpha, power=power)
    return single * detectable_difference(1.0, alpha=alpha / n_tests, power=power) / alone


def detectable_auroc(
    standard_error: float | None, n_positive: int, n_negative: int, *, alpha: float = ALPHA, power: float = POWER
) -> Number:
    """Smallest AUROC - 1/2 that could have been shown.

    Without a measured `standard_error` that of the rank-sum test without effect, sqrt((n+m+1)/(12nm)), is used: give
    it independent units (groups), not samples. `NotMeasured` where not even a perfect 1 would be shown.
    """
    if standard_error is None:
        if not n_positive or not n_negative:
            return NotMeasured(reason="one side is empty")
        standard_error = math.sqrt((n_positive + n_negative + 1) / (12 * n_positive * n_negative))
    difference = detectable_difference(standard_error, alpha=alpha, power=power)
    if difference > 0.5:
        return NotMeasured(reason=f"too few groups: {n_positive} against {n_negative} could not show even AUROC 1")
    return difference


def detectable_auroc_difference(
    standard_error: float | None, n_positive: int, n_negative: int, *, alpha: float = ALPHA, power: float = POWER
) -> Number:
    """Smallest difference of two AUROCs on the same items that could have shown.

    Without a measured `standard_error` that of two independent rank sums without effect: an upper bound, since
    read-outs of the same items agree more. Give it groups, not samples. `NotMeasured` where not even 1/2 would show.
    """
    if standard_error is not None:
        return detectable_difference(standard_error, alpha=alpha, power=power)
    single = detectable_auroc(None, n_positive, n_negative, alpha=alpha, power=power)
    if isinstance(single, NotMeasured):
        return single
    difference = math.sqrt(2) * single
    if difference > 0.5:
        return NotMeasured(
            reason=f"too few groups: {n_positive} against {n_negative} could not show a difference of 1/2"
        )
    return difference


def detectable_pair_rank(n_groups: int, *, alpha: float = ALPHA, power: float = POWER) -> Number:
    """Smallest pair-rank - 1/2 that the exact sign test over `n_groups` independent pairs finds with `power`."""
    critical = int(binom.ppf(alpha / 2, n_groups, 0.5)) - 1 if n_groups else -1
    while binom.cdf(critical + 1, n_groups, 0.5) <= alpha / 2:
        critical += 1
    if critical < 0:
        return NotMeasured(reason=f"too few groups: {n_groups} pairs could not show even pair-rank 1")

    def shortfall(rank: float) -> float:
        # Both tails reject; the far one matters only for tiny n.
        return float(binom.cdf(critical, n_groups, 1 - rank) + binom.cdf(critical, n_groups, rank)) - power

    return float(brentq(shortfall, 0.5, 1.0)) - 0.5


def detectable_change(differences: ArrayLike, groups: Groups, *, alpha: float = ALPHA, power: float = POWER) -> Number:
    """Smallest mean of `differences` (after - before, one per item) that could be shown, from their spread by group.

    `NotMeasured` with fewer than two groups, or where no item differs: then the spread is unknown, not 0.
    """
    values = np.asarray(differences, dtype=np.float64)
    if groups.n_groups < 2:
        return NotMeasured(reason=f"too few groups: {groups.n_groups}, 2 needed")
    if not values.any():
        return NotMeasured(reason="no item differs: the spread of differences is unknown")
    # Sandwich error of a ratio of group sums (Cochran 1977, equation 2.39).
    residuals = groups.sums(values - values.mean())
    spread = groups.n_groups / (groups.n_groups - 1) * float(residuals @ residuals)
    if spread == 0:
        return NotMeasured(reason="all items differ alike: the spread of differences is unknown")
    return detectable_difference(math.sqrt(spread) / groups.n_items, alpha=alpha, power=power)
