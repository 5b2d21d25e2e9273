from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student

from vulnscope.records.base import NotMeasured
from vulnscope.stats import Groups, auroc_statistic, mean_statistic, measure_change


def test_a_change_of_auroc_has_the_interval_of_its_own_error() -> None:
    generator = np.random.default_rng(0)
    truth = np.tile([True, False], 60)
    groups = Groups(np.repeat(np.arange(60), 2), 60)
    scores = [generator.normal(size=120) + effect * truth for effect in (0.2, 1.5)]
    first, second = (auroc_statistic(each, truth, groups) for each in scores)
    found = measure_change(first, second, groups)
    assert found.change.value == pytest.approx(float(second.value) - float(first.value))  # type: ignore[arg-type]
    assert found.change.method == "dyads"
    half = float(student.ppf(0.975, 59)) * (second - first).spread()
    assert float(found.change.high) - float(found.change.low) == pytest.approx(2 * half)  # type: ignore[arg-type]
    assert float(found.p) < 0.01  # type: ignore[arg-type]
    # A change whose interval is twice as wide could have been shown half as well.
    assert float(found.detectable) == pytest.approx(half / 2.0 * 2.8, rel=0.02)  # type: ignore[arg-type]
    back = measure_change(second, first, groups)
    assert back.change.value == pytest.approx(-float(found.change.value))  # type: ignore[arg-type]
    assert back.p == found.p


def test_no_change_anywhere_is_shown_as_well_as_so_many_groups_can() -> None:
    groups = Groups(np.arange(100), 100)
    same = mean_statistic(np.ones(100), groups)
    found = measure_change(same, same, groups)
    assert (found.change.value, found.change.method, found.p) == (0.0, "wilson", 1.0)
    assert float(found.change.low) == -float(found.change.high) == pytest.approx(-0.192, abs=0.001)  # type: ignore[arg-type]
    assert isinstance(found.detectable, NotMeasured)


def test_what_was_not_measured_on_one_side_has_no_change() -> None:
    groups = Groups(np.arange(40), 40)
    same = mean_statistic(np.ones(40), groups)
    found = measure_change(same, lambda weights: np.full(len(weights), np.nan), groups, undefined="one class only")
    assert found.change.value == found.p == found.detectable == NotMeasured(reason="one class only")


def test_rules_chosen_on_other_folds_widen_what_is_said_of_them() -> None:
    generator = np.random.default_rng(1)
    groups = Groups(np.arange(80), 80)
    before, after = generator.random(80), generator.random(80) + 0.05
    first, second = mean_statistic(before, groups), mean_statistic(after, groups)
    found, fixed = measure_change(first, second, groups, n_folds=5), measure_change(first, second, groups)
    # Nadeau and Bengio: 1/5 + 1/4 in place of 1/5.
    assert float(found.change.high) - float(found.change.low) == pytest.approx(  # type: ignore[arg-type]
        1.5 * (float(fixed.change.high) - float(fixed.change.low))  # type: ignore[arg-type]
    )
    assert float(found.detectable) == pytest.approx(1.5 * float(fixed.detectable))  # type: ignore[arg-type]
    differences = after - before
    error = 1.5 * differences.std(ddof=1) / np.sqrt(80)
    assert found.p == pytest.approx(2 * student.sf(abs(differences.mean()) / error, 79))
    same = measure_change(first, first, groups, n_folds=5)
    assert (same.change.method, same.p) == ("wilson", 1.0)
