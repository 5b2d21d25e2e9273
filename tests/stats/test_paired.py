import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, permutation_test

from vulnscope.records.base import NotMeasured
from vulnscope.stats import (
    Groups,
    auroc_statistic,
    change_test,
    max_t_test,
    mcnemar,
    mean_statistic,
    pseudo_values,
    sign_flip_test,
    swap_test,
)


@pytest.mark.parametrize(("right", "wrong", "neither"), [(9, 1, 4), (5, 5, 0), (0, 7, 3), (300, 240, 100)])
def test_swap_test_of_single_pairs_is_the_sign_test(right: int, wrong: int, neither: int) -> None:
    differences = [1] * right + [-1] * wrong + [0] * neither
    expected = binomtest(right, right + wrong).pvalue
    assert swap_test(differences, _singles(len(differences))) == pytest.approx(expected)


@given(st.lists(st.tuples(st.integers(-2, 2), st.integers(0, 4)), min_size=1, max_size=12))
def test_swap_test_equals_enumeration_by_group(items: list[tuple[int, int]]) -> None:
    differences = [difference for difference, _ in items]
    groups = Groups.from_labels([label for _, label in items])
    sums = groups.sums(differences)
    flipped = [abs(float(np.dot(signs, sums))) for signs in itertools.product([1, -1], repeat=groups.n_groups)]
    expected = np.mean([value >= abs(sum(differences)) for value in flipped])
    assert swap_test(differences, groups) == pytest.approx(expected)


def test_swap_test_of_many_groups_keeps_tiny_p_values() -> None:
    assert swap_test([1] * 400, _singles(400)) == pytest.approx(2.0**-399, rel=1e-6)


def test_swap_test_without_pairs_or_differences() -> None:
    assert swap_test([], _singles(0)) == NotMeasured(reason="no pairs")
    assert swap_test([0, 0], _singles(2)) == 1.0


def test_swap_test_refuses_fractions() -> None:
    with pytest.raises(ValueError, match="whole numbers"):
        swap_test([0.5], _singles(1))


def test_sign_flip_equals_scipy_on_few_groups() -> None:
    differences = np.random.default_rng(0).normal(0.5, 1.0, size=10)
    expected = permutation_test(
        (differences, np.zeros(10)), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=np.inf
    ).pvalue
    assert sign_flip_test(differences, _singles(10)) == pytest.approx(expected)


def test_sign_flip_of_many_groups_is_near_the_exact_value() -> None:
    differences = np.random.default_rng(1).choice([-1.0, 1.0], size=60, p=[0.35, 0.65])
    exact = swap_test(differences, _singles(60))
    sampled = sign_flip_test(differences, _singles(60), n_draws=20_000)
    assert sampled == pytest.approx(exact, abs=0.005)
    assert sampled == sign_flip_test(differences, _singles(60), n_draws=20_000)


def test_sign_flip_flips_groups_together() -> None:
    groups = Groups.from_labels(["a"] * 20 + ["b"] * 20)
    assert sign_flip_test([1.0] * 40, groups) == 0.5
    assert sign_flip_test([], _singles(0)) == NotMeasured(reason="no items")
    assert sign_flip_test([0.0, 0.0], _singles(2)) == 1.0


def test_mcnemar_is_exact() -> None:
    # Agresti, Categorical Data Analysis (2013), the exact form: two-sided binomial over the discordant items.
    assert mcnemar(86, 150) == pytest.approx(binomtest(86, 236).pvalue)
    assert mcnemar(0, 0) == 1.0


def _singles(n: int) -> Groups:
    return Groups(np.arange(n), n)


def test_pseudo_values_of_a_mean_are_the_group_means() -> None:
    values = np.random.default_rng(0).normal(size=20)
    groups = Groups(np.arange(20), 20)
    statistic = mean_statistic(values, groups)
    assert pseudo_values(statistic, 20) == pytest.approx(values)
    assert change_test(statistic, 20) == sign_flip_test(values, groups)


def test_the_variance_of_an_auroc_by_pseudo_values_is_about_that_of_delong() -> None:
    generator = np.random.default_rng(2)
    scores, positive = generator.normal(size=300) + (np.arange(300) < 150), np.arange(300) < 150
    values = pseudo_values(auroc_statistic(scores, positive, Groups(np.arange(300), 300)), 300)
    wins = (scores[positive][:, None] > scores[~positive]).astype(float)
    delong = wins.mean(axis=1).var(ddof=1) / 150 + wins.mean(axis=0).var(ddof=1) / 150
    assert values.var(ddof=1) / 300 == pytest.approx(delong, rel=0.03)


def test_no_change_is_no_finding_and_an_undefined_one_says_so() -> None:
    groups = Groups(np.arange(12), 12)
    statistic = auroc_statistic(np.arange(12.0), np.arange(12) % 2 == 0, groups)
    assert change_test(lambda weights: statistic(weights) - statistic(weights), 12) == 1.0
    lone = auroc_statistic(np.arange(12.0), np.arange(12) == 0, groups)
    assert change_test(lone, 12) == NotMeasured(reason="too few groups: undefined without one of the 12")
    assert isinstance(change_test(statistic, 0), NotMeasured)


def test_a_difference_that_is_no_number_has_no_p_value() -> None:
    groups = Groups(np.arange(20), 20)
    assert isinstance(sign_flip_test(np.r_[np.nan, np.ones(19)], groups), NotMeasured)


def test_max_t_of_one_row_is_the_sign_flip_test_and_of_equal_rows_costs_nothing() -> None:
    groups = Groups(np.arange(10), 10)
    values = np.random.default_rng(3).normal(0.5, 1.0, 10)
    alone = sign_flip_test(values, groups)
    assert max_t_test([values, -2 * values], groups) == (alone, alone)
    assert max_t_test([], groups) == ()


def test_max_t_over_two_rows_equals_enumeration() -> None:
    groups = Groups(np.arange(8), 8)
    rows = np.random.default_rng(4).normal(0.4, 1.0, (2, 8))
    scaled = rows / np.sqrt((rows**2).sum(axis=1, keepdims=True))
    highest = [np.abs(scaled @ np.array(signs)).max() for signs in itertools.product((-1, 1), repeat=8)]
    expected = [np.mean(np.array(highest) >= abs(row.sum()) - 1e-12) for row in scaled]
    assert max_t_test(rows, groups) == pytest.approx(expected)


def test_max_t_leaves_out_what_was_not_measured() -> None:
    groups = Groups(np.arange(12), 12)
    missing, found = max_t_test([np.full(12, np.nan), np.r_[np.nan, np.ones(11)]], groups)
    assert isinstance(missing, NotMeasured)
    assert found == pytest.approx(2.0**-10)


def test_max_t_over_24_rows_alarms_once_in_twenty_families() -> None:
    generator = np.random.default_rng(5)
    groups = Groups(np.arange(32), 32)
    alarms = [
        min(float(p) for p in max_t_test(generator.normal(size=(24, 32)), groups, n_draws=500)) <= 0.05  # type: ignore[arg-type]
        for _ in range(400)
    ]
    assert np.mean(alarms) <= 0.065
