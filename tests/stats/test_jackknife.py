from __future__ import annotations

import math

import numpy as np
import pytest

from vulnscope.stats import Groups, auroc_statistic, mean_statistic, measure_error, pseudo_values


def test_the_pseudo_values_of_a_mean_are_its_values() -> None:
    values = np.random.default_rng(0).normal(size=40)
    statistic = mean_statistic(values, Groups(np.arange(40), 40))
    assert pseudo_values(statistic, 40) == pytest.approx(values)
    found = measure_error(statistic, 40)
    assert found == pytest.approx((values.mean(), values.std(ddof=1) / math.sqrt(40)))


def test_an_auroc_has_its_own_error_and_one_group_none() -> None:
    scores, positive = np.random.default_rng(0).normal(size=40), np.arange(40) % 2 == 0
    statistic = auroc_statistic(scores, positive, Groups(np.arange(40), 40))
    assert measure_error(statistic, 40) == pytest.approx((statistic.value, statistic.spread()))
    assert math.isnan(measure_error(mean_statistic([1.0], Groups(np.arange(1), 1)), 1).error)
