"""Do stated probabilities come true? Brier score, expected calibration error, and the bins of a reliability diagram.

The Brier score (1950) is the mean of (probability - outcome)²; 0.25 is what "one half" always gets, lower is better.
The expected calibration error is the mean distance of stated and true share over bins with equally many samples
(Nguyen & O'Connor 2015), weighted by size; equal probabilities stay in one bin. It is never 0 by chance: with few
samples even a perfectly calibrated model shows some. `chance_error` says how much, from outcomes drawn from the stated
probabilities themselves.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from vulnscope.records.base import NotMeasured, Number
from vulnscope.stats.groups import Floats, Ints

N_BINS = 10
_N_DRAWS = 1000


class ReliabilityBin(NamedTuple):
    """Samples whose stated probabilities lie next to each other."""

    low: float
    high: float
    mean_probability: float
    share_vulnerable: float
    items: Ints
    """Places of the samples."""


class ChanceError(NamedTuple):
    """The calibration error that a perfectly calibrated model shows on so many samples."""

    median: float
    high: float
    """95th percentile: a larger error is more than chance."""


def probability_of(margins_nats: ArrayLike) -> Floats:
    """Stated probability of "vulnerable" from margins: the logistic function."""
    return 1 / (1 + np.exp(-np.clip(np.asarray(margins_nats, dtype=np.float64), -700, 700)))


def squared_errors(probabilities: ArrayLike, is_vulnerable: ArrayLike) -> Floats:
    """Per sample (probability - outcome)²; their mean is the Brier score."""
    errors: Floats = (np.asarray(probabilities, np.float64) - np.asarray(is_vulnerable, np.float64)) ** 2
    return errors


def reliability_bins(probabilities: ArrayLike, is_vulnerable: ArrayLike, n_bins: int = N_BINS) -> list[ReliabilityBin]:
    """At most `n_bins` bins of about equal size in rising order; fewer where probabilities tie."""
    stated, outcomes = np.asarray(probabilities, np.float64), np.asarray(is_vulnerable, np.float64)
    bins = _bin_of(stated, n_bins)
    return [
        ReliabilityBin(
            low=float(stated[items].min()),
            high=float(stated[items].max()),
            mean_probability=float(stated[items].mean()),
            share_vulnerable=float(outcomes[items].mean()),
            items=items,
        )
        for number in range(int(bins.max(initial=-1)) + 1)
        if len(items := np.flatnonzero(bins == number))
    ]


def expected_calibration_error(probabilities: ArrayLike, is_vulnerable: ArrayLike, n_bins: int = N_BINS) -> Number:
    """Mean distance of stated and true share in [0, 1], lower is better; `NotMeasured` without samples."""
    stated, outcomes = np.asarray(probabilities, np.float64), np.asarray(is_vulnerable, np.float64)
    if not len(stated):
        return NotMeasured(reason="no samples")
    return float(_errors(stated, outcomes[None, :], n_bins)[0])


def chance_error(probabilities: ArrayLike, n_bins: int = N_BINS, *, seed: int = 0) -> ChanceError:
    """The error to expect although every stated probability is true."""
    stated = np.asarray(probabilities, np.float64)
    generator = np.random.default_rng(seed)
    rows = max(1, 4_000_000 // max(1, len(stated)))
    errors = np.concatenate(
        [
            _errors(stated, (generator.random((min(rows, _N_DRAWS - at), len(stated))) < stated).astype(float), n_bins)
            for at in range(0, _N_DRAWS, rows)
        ]
    )
    median, high = np.quantile(errors, [0.5, 0.95])
    return ChanceError(float(median), float(high))


def _bin_of(stated: Floats, n_bins: int) -> Ints:
    """Bin of each sample by the middle rank of its equals."""
    _, inverse, counts = np.unique(stated, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts + 1) / 2
    bins: Ints = (middle[inverse] * n_bins // max(1, len(stated))).astype(np.int64)
    return bins


def _errors(stated: Floats, outcomes: Floats, n_bins: int) -> Floats:
    """One error per row of `outcomes` (draws × samples)."""
    member = np.eye(n_bins)[_bin_of(stated, n_bins)]
    errors: Floats = np.abs(outcomes @ member - stated @ member).sum(axis=1) / len(stated)
    return errors
