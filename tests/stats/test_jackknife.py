from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from vulnscope.records.base import NotMeasured
from vulnscope.stats import Groups, estimate_by_jackknife, mean_statistic


def test_of_a_mean_it_is_students_interval() -> None:
    values = np.random.default_rng(0).normal(size=40)
    groups = Groups(np.arange(40), 40)
    ours = estimate_by_jackknife(mean_statistic(values, groups), 40, 40)
    theirs = ttest_1samp(values, 0).confidence_interval()
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))
    assert ours.value == pytest.approx(values.mean())
    assert ours.method == "jackknife"


def test_the_range_cuts_the_interval() -> None:
    values = np.array([1.0] * 39 + [0.0])
    groups = Groups(np.arange(40), 40)
    assert estimate_by_jackknife(mean_statistic(values, groups), 40, 40, low=0.0, high=1.0).high == 1.0


def test_few_groups_and_no_spread_have_no_interval() -> None:
    few = Groups(np.arange(8), 8)
    estimate = estimate_by_jackknife(mean_statistic(np.arange(8.0), few), 8, 8)
    assert estimate.value == 3.5
    assert estimate.low == NotMeasured(reason="too few groups (8, 30 needed)")
    many = Groups(np.arange(40), 40)
    assert isinstance(estimate_by_jackknife(mean_statistic(np.ones(40), many), 40, 40).low, NotMeasured)
    assert isinstance(estimate_by_jackknife(mean_statistic([], Groups(np.arange(0), 0)), 0, 0).value, NotMeasured)
