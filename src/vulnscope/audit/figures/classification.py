"""Answers and margins as those of a classifier, for comparison with published detectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vulnscope.ask.figures.slices import group_items
from vulnscope.audit.figures.shares import estimate_mean, mirror
from vulnscope.records.base import Estimate, not_measured
from vulnscope.records.figures import Calibration, Classification, CutFigures, ReadOutAgreement, ReliabilityBin
from vulnscope.stats import (
    Bootstrap,
    average_precision_statistic,
    balanced_accuracy_statistic,
    chance_error,
    cohen_kappa,
    drop_interval,
    estimate,
    expected_calibration_error,
    matthews_statistic,
    probability_of,
    recall_statistic,
    reliability_bins,
    squared_errors,
    warn_of_few_negatives,
)

if TYPE_CHECKING:
    from vulnscope.ask.figures.slices import JudgedSample

FALSE_POSITIVE_RATES = (0.005, 0.01, 0.05)
"""Rates at which VD-S is stated."""


def classify(items: Sequence[JudgedSample], bootstrap: Bootstrap, *, has_log_odds: bool = True) -> Classification:
    """Every figure over `items`, which may not be empty. `has_log_odds`: whether margins state probabilities."""
    groups = group_items(items)
    truth = np.array([item.is_vulnerable for item in items])
    scores = np.array([item.row.rank_score for item in items])
    is_right = [item.is_right for item in items]
    return Classification(
        share_vulnerable=float(truth.mean()),
        balanced_accuracy=estimate(
            balanced_accuracy_statistic(truth, is_right, groups), groups, bootstrap, low=0.0, high=1.0
        ),
        mcc=_correlate([item for item in items if item.row.says != "unparsed"], bootstrap),
        average_precision=estimate(
            average_precision_statistic(scores, truth, groups),
            groups,
            bootstrap,
            low=0.0,
            high=1.0,
            is_jackknifed=True,
        ),
        cuts=tuple(_cut(items, rate, bootstrap) for rate in FALSE_POSITIVE_RATES) if has_log_odds else (),
        calibration=_calibrate(items, bootstrap) if has_log_odds else None,
    )


def compare_read_outs(
    items: Sequence[JudgedSample], log_odds: Sequence[float], bootstrap: Bootstrap
) -> ReadOutAgreement | None:
    """What is typed against the answer that `log_odds` (> 0 is vulnerable) favour, on the same question.

    Unparsed answers and log-odds of 0 favour nothing and agree with no verdict. None without items.
    """
    if not items:
        return None
    favoured = ["unparsed" if odds == 0 else "vulnerable" if odds > 0 else "fixed" for odds in log_odds]
    typed = [item.row.says for item in items]
    groups = group_items(items)
    labels = [item.sample.label for item in items]

    def share(flags: Sequence[bool]) -> Estimate:
        return estimate_mean(flags, groups, bootstrap)

    return ReadOutAgreement(
        n=len(items),
        agreement=share([a == b != "unparsed" for a, b in zip(typed, favoured, strict=True)]),
        kappa=cohen_kappa(typed, favoured),
        typed_accuracy=share([a == b for a, b in zip(typed, labels, strict=True)]),
        log_odds_accuracy=share([a == b for a, b in zip(favoured, labels, strict=True)]),
    )


def _cut(items: Sequence[JudgedSample], rate: float, bootstrap: Bootstrap) -> CutFigures:
    groups = group_items(items)
    truth = [item.is_vulnerable for item in items]
    recall = estimate(
        recall_statistic([item.row.rank_score for item in items], truth, groups, rate),
        groups,
        bootstrap,
        low=0.0,
        high=1.0,
    )
    warning = warn_of_few_negatives(truth.count(False), rate)
    if warning is not None:
        # A cut that so few negatives set moves from resample to resample more than an interval could say.
        recall = drop_interval(recall, warning)
    return CutFigures(false_positive_rate=rate, recall=recall, vd_s=mirror(recall), warning=warning)


def _calibrate(items: Sequence[JudgedSample], bootstrap: Bootstrap) -> Calibration:
    stated = probability_of([item.row.margin for item in items])
    truth = np.array([item.is_vulnerable for item in items])
    by_chance = chance_error(stated, seed=bootstrap.seed)
    bins = []
    for each in reliability_bins(stated, truth):
        members = [items[place] for place in each.items]
        share = estimate_mean([item.is_vulnerable for item in members], group_items(members), bootstrap)
        bins.append(
            ReliabilityBin(
                low=each.low,
                high=each.high,
                mean_probability=each.mean_probability,
                share_vulnerable=share,
                n=len(members),
            )
        )
    return Calibration(
        brier=estimate_mean(squared_errors(stated, truth).tolist(), group_items(items), bootstrap, is_proportion=False),
        error=expected_calibration_error(stated, truth),
        error_by_chance=by_chance.median,
        error_by_chance_high=by_chance.high,
        bins=tuple(bins),
    )


def _correlate(parsed: Sequence[JudgedSample], bootstrap: Bootstrap) -> Estimate:
    """Matthews correlation of parsed answers with labels."""
    truth, said = [item.is_vulnerable for item in parsed], [item.row.says == "vulnerable" for item in parsed]
    groups = group_items(parsed)
    if len(set(truth)) < 2 or len(set(said)) < 2:
        return not_measured("all parsed answers, or all labels, are the same", len(parsed), groups.n_groups)
    return estimate(matthews_statistic(truth, said, groups), groups, bootstrap, low=-1.0, high=1.0)
