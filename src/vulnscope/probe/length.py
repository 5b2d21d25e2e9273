"""Length held constant by weights: held-out pairs count so that "the shorter is vulnerable" reads exactly 1/2.

Pairs whose vulnerable twin is shorter, and all others, get one weight each; the ratio that brings the length rule's
AUROC to 1/2 is found by bisection. Regression is not used: it would take out whatever of the flaw goes with length.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.optimize import brentq

from vulnscope.ask.figures.paired_scores import ScoreTable, area_under
from vulnscope.records.base import NotMeasured, not_measured
from vulnscope.records.probe import LengthControl
from vulnscope.stats import AurocStatistic, Bootstrap, auroc_statistic, estimate

if TYPE_CHECKING:
    from vulnscope.stats import Floats

_WIDEST = math.log(1e4)
_ROUNDING = 1e-9


class _Pairs(NamedTuple):
    """Complete pairs: the items of all twins one after the other, and the places of twins (pairs × 2)."""

    items: ScoreTable
    places: np.ndarray

    def rank(self, scores: Floats, weights: Floats) -> AurocStatistic:
        """AUROC of `scores`, one for each of all samples, with one weight per pair."""
        return auroc_statistic(
            scores[self.places].ravel(),
            self.items.is_vulnerable,
            self.items.all_groups(),
            self.items.strata,
            weights=np.repeat(weights, 2),
        )


def control_length(scores: Floats, lengths: Floats, items: ScoreTable, bootstrap: Bootstrap) -> LengthControl:
    """The probe's AUROC on held-out pairs weighted for length; `NotMeasured` where no weights balance the rule."""
    pairs = _complete(scores, items)
    rule = area_under(-lengths, items)
    if not len(pairs.places):
        missing = NotMeasured(reason="no pairs")
        return LengthControl(auroc=not_measured("no pairs"), length_auroc=rule, effective_pairs=missing)
    if isinstance(rule, NotMeasured):
        return LengthControl(
            auroc=not_measured(rule.reason, 2 * len(pairs.places)), length_auroc=rule, effective_pairs=rule
        )
    shorter = lengths[pairs.places[:, 0]] < lengths[pairs.places[:, 1]]

    def weights(log_ratio: float) -> Floats:
        found: Floats = np.full(len(shorter), np.exp(log_ratio / 2))
        found[shorter] = np.exp(-log_ratio / 2)
        return found

    def excess(log_ratio: float) -> float:
        return float(pairs.rank(-lengths, weights(log_ratio)).value) - 0.5

    log_ratio = _balance(excess)
    if log_ratio is None:
        reason = "no weighting of the pairs brings the length rule to 1/2: nearly all differ in the same direction"
        missing = NotMeasured(reason=reason)
        return LengthControl(
            auroc=not_measured(reason, 2 * len(pairs.places)), length_auroc=rule, effective_pairs=missing
        )
    found = weights(log_ratio)
    auroc = estimate(pairs.rank(scores, found), pairs.items.all_groups(), bootstrap)
    return LengthControl(auroc=auroc, length_auroc=rule, effective_pairs=float(found.sum() ** 2 / (found**2).sum()))


def _balance(excess: Callable[[float], float]) -> float | None:
    """Where `excess` is 0; None where that is nowhere within reach. Even weights where they do, also to rounding."""
    if abs(excess(0.0)) < _ROUNDING:
        return 0.0
    ends = excess(-_WIDEST), excess(_WIDEST)
    if math.isnan(ends[0]) or math.isnan(ends[1]) or ends[0] * ends[1] > 0:
        return None
    return float(brentq(excess, -_WIDEST, _WIDEST, xtol=1e-6))


def _complete(scores: Floats, items: ScoreTable) -> _Pairs:
    """Pairs of which both twins are scored."""
    places = items.twins()
    places = places[np.isfinite(scores[places]).all(1)]
    kept = ScoreTable(
        items.is_vulnerable[places].ravel(),
        tuple(items.groups[i] for i in places.ravel().tolist()),
        tuple(items.strata[i] for i in places.ravel().tolist()),
        tuple(items.pairs[i] for i in places.ravel().tolist()),
    )
    return _Pairs(kept, places)
