"""What a threshold alone would win: chosen on the other groups, judged on each group left out."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vulnscope.records.base import Estimate, NotMeasured, Number, not_measured
from vulnscope.stats import (
    N_FOLDS,
    Bootstrap,
    Groups,
    Statistic,
    balanced_accuracy_statistic,
    best_cut,
    deal_folds,
    estimate,
    subtract,
)

if TYPE_CHECKING:
    from vulnscope.ask.figures.paired_scores import ScoreTable
    from vulnscope.stats import Floats


class ThresholdGain(NamedTuple):
    """Balanced accuracies of the answers as they are and of the threshold, on the same samples."""

    as_is: Estimate
    cut: Estimate
    gain: Estimate
    threshold: Number


class Threshold(NamedTuple):
    """What a threshold chosen on other groups calls vulnerable, item by item, and the median of the thresholds."""

    calls: np.ndarray
    threshold: float


def cut_on_others(margins: Floats, items: ScoreTable, *, seed: int = 0) -> Threshold | NotMeasured:
    """Cross-fitted by groups, dealt by `seed`; not measured where a fold leaves one class only to choose by."""
    folds, truth = deal_folds(Groups.from_labels(items.groups), seed=seed), items.is_vulnerable
    calls, chosen = np.zeros(len(items), dtype=bool), []
    for fold in np.unique(folds).tolist():
        is_out = folds == fold
        if len(set(truth[~is_out].tolist())) < 2:
            return NotMeasured(reason="one class only to choose a threshold by")
        chosen.append(best_cut(margins[~is_out], truth[~is_out]))
        calls[is_out] = margins[is_out] > chosen[-1]
    return Threshold(calls, float(median(chosen)))


def measure_threshold(
    margins: Floats, is_right: np.ndarray, items: ScoreTable, bootstrap: Bootstrap, *, seed: int = 0
) -> ThresholdGain:
    """What `cut_on_others` wins. `is_right` marks right answers; an unparsed one is none."""
    found = cut_on_others(margins, items, seed=seed)
    if isinstance(found, NotMeasured):
        missing = not_measured(found.reason, len(items), items.n_groups)
        return ThresholdGain(missing, missing, missing, found)
    groups, truth = Groups.from_labels(items.groups), items.is_vulnerable
    before, after = (balanced_accuracy_statistic(truth, right, groups) for right in (is_right, found.calls == truth))

    def measure(statistic: Statistic, lowest: float, n_folds: int | None = None) -> Estimate:
        return estimate(statistic, groups, bootstrap, low=lowest, high=1.0, n_folds=n_folds)

    return ThresholdGain(
        as_is=measure(before, 0.0),
        cut=measure(after, 0.0, N_FOLDS),
        gain=measure(subtract(after, before), -1.0, N_FOLDS),
        threshold=found.threshold,
    )
