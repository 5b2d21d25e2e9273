import math

import numpy as np
import pytest
from scipy.stats import binom, binomtest, norm

from vulnscope.records.base import NotMeasured
from vulnscope.stats import (
    Groups,
    detectable_auroc,
    detectable_auroc_difference,
    detectable_change,
    detectable_difference,
    detectable_in_family,
    detectable_pair_rank,
    sign_flip_test,
)


def test_detectable_difference_is_lehrs_2_8_standard_errors() -> None:
    assert detectable_difference(1.0) == pytest.approx(norm.ppf(0.975) + norm.ppf(0.8))
    assert detectable_difference(1.0) == pytest.approx(2.80, abs=0.01)


def test_one_of_a_family_must_pass_the_strictest_step() -> None:
    error = 0.03
    alone = detectable_difference(error)
    expected = (norm.ppf(1 - 0.05 / 11 / 2) + norm.ppf(0.8)) * error
    assert detectable_in_family(alone, 11) == pytest.approx(expected)
    assert detectable_in_family(alone, 1) == alone
    missing = NotMeasured(reason="too few groups")
    assert detectable_in_family(missing, 11) == missing


def test_detectable_auroc_uses_the_measured_error_where_there_is_one() -> None:
    assert detectable_auroc(0.02, 1, 1) == pytest.approx(0.056, abs=1e-3)
    expected = 2.8016 * math.sqrt(201 / (12 * 100 * 100))
    assert detectable_auroc(None, 100, 100) == pytest.approx(expected, rel=1e-4)


def test_detectable_auroc_of_hardly_any_groups_is_not_measured() -> None:
    assert isinstance(detectable_auroc(None, 3, 3), NotMeasured)
    assert isinstance(detectable_auroc(None, 0, 3), NotMeasured)


def test_detectable_auroc_difference_is_that_of_independent_readouts_without_a_measured_error() -> None:
    assert detectable_auroc_difference(0.02, 1, 1) == pytest.approx(0.056, abs=1e-3)
    expected = 2.8016 * math.sqrt(2 * 47 / (12 * 23 * 23))
    assert detectable_auroc_difference(None, 23, 23) == pytest.approx(expected, rel=1e-4)
    few = detectable_auroc_difference(None, 8, 8)
    assert isinstance(few, NotMeasured)
    assert few.reason == "too few groups: 8 against 8 could not show a difference of 1/2"
    assert isinstance(detectable_auroc_difference(None, 0, 3), NotMeasured)


@pytest.mark.parametrize("n", [6, 20, 48, 300])
def test_detectable_pair_rank_has_the_power_it_says(n: int) -> None:
    rank = 0.5 + float(detectable_pair_rank(n))
    outcomes = np.arange(n + 1)
    rejected = np.array([binomtest(int(k), n).pvalue <= 0.05 for k in outcomes])
    assert binom.pmf(outcomes, n, rank)[rejected].sum() == pytest.approx(0.8, abs=1e-6)


def test_five_pairs_can_never_show_a_pair_rank() -> None:
    assert isinstance(detectable_pair_rank(5), NotMeasured)
    assert isinstance(detectable_pair_rank(0), NotMeasured)


def test_detectable_difference_of_rates_worked_value() -> None:
    # Two arms of 392 near 1/2 find 0.10: the textbook sample size.
    assert detectable_difference((2 * 0.5 * 0.5 / 392) ** 0.5) == pytest.approx(0.10, abs=1e-3)


def test_a_detectable_change_is_found_four_times_in_five() -> None:
    generator = np.random.default_rng(0)
    groups = Groups.from_labels((np.arange(240) // 3).tolist())

    def draw(shift: float) -> np.ndarray:
        return shift + generator.normal(size=80)[groups.index] + generator.normal(size=240)

    shift = float(np.mean([detectable_change(draw(0.0), groups) for _ in range(50)]))  # type: ignore[arg-type]
    found = [float(sign_flip_test(draw(shift), groups, n_draws=500)) <= 0.05 for _ in range(400)]  # type: ignore[arg-type]
    assert np.mean(found) == pytest.approx(0.8, abs=0.05)


def test_no_spread_is_no_detectable_change() -> None:
    groups = Groups(np.arange(6), 6)
    assert detectable_change(np.zeros(6), groups) == NotMeasured(
        reason="no item differs: the spread of differences is unknown"
    )
    assert isinstance(detectable_change(np.ones(6), groups), NotMeasured)
    assert isinstance(detectable_change([1.0], Groups(np.arange(1), 1)), NotMeasured)
