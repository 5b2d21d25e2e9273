"""What a threshold alone would win: chosen on the other groups, judged on each group left out."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vulnscope.records.base import Estimate, NotMeasured, Number, not_measured
from vulnscope.stats import Bootstrap, Groups, Statistic, interval_within, resample

if TYPE_CHECKING:
    from vulnscope.ask.scores import Items
    from vulnscope.stats import Floats

_N_FOLDS = 5


class ThresholdGain(NamedTuple):
    """Balanced accuracies of the answers as they are and of the threshold, on the same samples."""

    as_is: Estimate
    cut: Estimate
    gain: Estimate
    threshold: Number


def measure_threshold(margins: Floats, is_said: np.ndarray, items: Items, bootstrap: Bootstrap) -> ThresholdGain:
    """Cross-fitted by groups. `is_said` marks samples called vulnerable; an unparsed answer is no such call."""
    folds = _deal(items.groups)
    calls = np.zeros(len(items), dtype=bool)
    chosen = []
    for fold in range(_N_FOLDS):
        is_out = folds == fold
        if not is_out.any() or len(set(items.is_vulnerable[~is_out].tolist())) < 2:
            continue
        chosen.append(choose_threshold(margins[~is_out], items.is_vulnerable[~is_out]))
        calls[is_out] = margins[is_out] > chosen[-1]
    if len(set(items.is_vulnerable.tolist())) < 2 or not chosen:
        missing = not_measured("one class only", len(items), items.n_groups)
        return ThresholdGain(missing, missing, missing, NotMeasured(reason="one class only"))
    groups = Groups.from_labels(items.groups)
    before, after = (_balanced(each == items.is_vulnerable, items.is_vulnerable, groups) for each in (is_said, calls))

    def measure(statistic: Statistic, lowest: float) -> Estimate:
        return interval_within(resample(statistic, groups.n_groups, bootstrap), len(items), bootstrap, lowest, 1.0)

    return ThresholdGain(
        as_is=measure(before, 0.0),
        cut=measure(after, 0.0),
        gain=measure(lambda weights: after(weights) - before(weights), -1.0),
        threshold=float(median(chosen)),
    )


def choose_threshold(margins: Floats, is_vulnerable: np.ndarray) -> float:
    """The cut between two margins with the highest balanced accuracy; the lowest of equals."""
    order = np.argsort(margins, kind="stable")
    values, labels = margins[order], is_vulnerable[order]
    found = np.append(0, np.cumsum(~labels)) / max(1, int((~labels).sum()))
    kept = 1 - np.append(0, np.cumsum(labels)) / max(1, int(labels.sum()))
    cuts = np.concatenate(([values[0] - 1], (values[1:] + values[:-1]) / 2, [values[-1] + 1]))
    is_cut = np.concatenate(([True], values[1:] > values[:-1], [True]))
    return float(cuts[is_cut][np.argmax((found + kept)[is_cut])])


def _balanced(is_right: np.ndarray, is_vulnerable: np.ndarray, groups: Groups) -> Statistic:
    """Mean of the shares right among vulnerable and among fixed samples, as a function of group weights."""

    def share(weights: Floats, label: bool) -> Floats:
        of_label = is_vulnerable == label
        right, every = weights @ groups.sums(is_right & of_label), weights @ groups.sums(of_label)
        return np.divide(right, every, out=np.full_like(right, np.nan), where=every > 0)

    return lambda weights: (share(weights, True) + share(weights, False)) / 2


def _deal(groups: tuple[str, ...]) -> np.ndarray:
    """A fold for every item, whole groups, in turn over sorted groups."""
    fold = {name: number % _N_FOLDS for number, name in enumerate(sorted(set(groups)))}
    return np.array([fold[name] for name in groups])
