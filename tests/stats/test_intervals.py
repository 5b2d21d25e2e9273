from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest, ttest_1samp
from scipy.stats import bootstrap as scipy_bootstrap

from vulnscope.records.base import NotMeasured, not_measured
from vulnscope.stats import (
    COVERAGE_OF_FEW,
    Bootstrap,
    Floats,
    Groups,
    Rate,
    auroc_statistic,
    drop_interval,
    estimate,
    estimate_mean,
    estimate_of_rates,
    fix_by_definition,
    map_estimate,
    matthews_statistic,
    mean_statistic,
    standard_error,
    wilson,
)
from vulnscope.stats.intervals import _draw_weights, _leave_out_weights


@pytest.mark.parametrize(("k", "n"), [(0, 8), (3, 24), (24, 24), (7, 10)])
def test_wilson_equals_scipy(k: int, n: int) -> None:
    expected = binomtest(k, n).proportion_ci(method="wilson")
    assert wilson(k / n, n) == pytest.approx((expected.low, expected.high))


def test_bca_equals_scipy_up_to_the_draws() -> None:
    sums = np.random.default_rng(0).lognormal(sigma=1.0, size=60)
    ours = estimate(mean_statistic(sums, _singles(60)), _singles(60), Bootstrap(n_draws=40_000))
    theirs = scipy_bootstrap((sums,), np.mean, n_resamples=40_000, method="BCa", rng=1).confidence_interval
    assert (ours.method, ours.coverage) == ("bca", None)
    assert ours.value == pytest.approx(sums.mean())
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=0.02)


def test_bca_of_a_correlation_over_groups_equals_scipy() -> None:
    generator = np.random.default_rng(3)
    groups = Groups(np.repeat(np.arange(50), 2), 50)
    positive = np.tile([True, False], 50)
    statistic = matthews_statistic(positive, generator.random(100) < 0.3 + 0.4 * positive, groups)

    def of_indices(drawn: np.ndarray) -> float:
        weights = np.bincount(drawn.astype(int), minlength=50).astype(float)
        return float(statistic(weights[None, :])[0])

    theirs = scipy_bootstrap(
        (np.arange(50),), of_indices, n_resamples=4000, method="BCa", vectorized=False, rng=1
    ).confidence_interval
    ours = estimate(statistic, groups, Bootstrap(n_draws=4000))
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.02)


def test_eight_to_twenty_nine_groups_have_students_interval_and_its_coverage() -> None:
    values = np.random.default_rng(0).normal(size=24)
    ours = estimate(mean_statistic(values, _singles(24)), _singles(24), Bootstrap())
    theirs = ttest_1samp(values, 0).confidence_interval()
    assert (ours.method, ours.coverage) == ("jackknife", COVERAGE_OF_FEW)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))


def test_fewer_groups_give_wilson_to_proportions_and_nothing_to_others() -> None:
    values = [1.0] * 3 + [0.0] * 4
    share = estimate(mean_statistic(values, _singles(7)), _singles(7), Bootstrap(), is_proportion=True)
    assert share.method == "wilson"
    assert (share.low, share.high) == pytest.approx(wilson(3 / 7, 7))
    other = estimate(mean_statistic(values, _singles(7)), _singles(7), Bootstrap())
    assert other.value == pytest.approx(3 / 7)
    assert other.low == other.high == NotMeasured(reason="too few groups (7, 8 needed)")


def test_the_jackknife_stands_in_at_any_size_where_asked_and_is_cut_to_the_scale() -> None:
    values = np.array([1.0] * 39 + [0.0])
    found = estimate(mean_statistic(values, _singles(40)), _singles(40), Bootstrap(), high=1.0, is_jackknifed=True)
    assert (found.method, found.high, found.coverage) == ("jackknife", 1.0, None)


def test_an_interval_around_a_corrected_value_stays_on_the_scale() -> None:
    """What a cut finds jumps when a group is left out, and the jackknife's correction goes beyond all bounds."""

    def jumping(weights: Floats) -> Floats:
        return np.where((weights == 0).any(axis=1), 0.9, 0.1)

    around = estimate(jumping, _singles(12), Bootstrap(), low=0.0, high=1.0)
    assert around.value == 0.1
    corrected = estimate(jumping, _singles(12), Bootstrap(), low=0.0, high=1.0, is_jackknifed=True)
    for found in (around, corrected):
        assert 0.0 <= float(found.low) <= float(found.high) <= 1.0  # type: ignore[arg-type]


def test_groups_count_by_effect() -> None:
    # One project holds half of 80 items, 40 others one each: as much as 80² / (40² + 40) = 3.9 groups.
    groups = Groups.from_labels(["large"] * 40 + [str(number) for number in range(40)])
    assert groups.n_effective == pytest.approx(6400 / 1640)
    assert groups.largest_share == 0.5
    values = np.random.default_rng(0).random(80)
    assert estimate_mean(values, groups, Bootstrap(), is_proportion=False).low == NotMeasured(
        reason="too few groups (41, which count as 3.9; 8 needed)"
    )
    share = estimate_mean(values > 0.5, groups, Bootstrap())
    assert (share.low, share.high) == pytest.approx(wilson(float(share.value), groups.n_effective))  # type: ignore[arg-type]
    assert Groups.from_labels([]).n_effective == Groups.from_labels([]).largest_share == 0


def test_rules_that_were_fitted_have_nadeau_and_bengios_error() -> None:
    values = np.random.default_rng(0).normal(size=48)
    fixed, fitted = (
        estimate(mean_statistic(values, _singles(48)), _singles(48), Bootstrap(), is_jackknifed=True, n_folds=folds)
        for folds in (None, 5)
    )
    assert float(fitted.high) - float(fitted.low) == pytest.approx(1.5 * (float(fixed.high) - float(fixed.low)))  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [16, 50])
def test_perfect_rates_have_wilsons_interval_on_their_scale(n: int) -> None:
    low, high = wilson(1.0, n)
    groups = _singles(n)
    assert estimate(mean_statistic(np.ones(n), groups), groups, Bootstrap(), is_proportion=True).low == low
    change = estimate(mean_statistic(np.ones(n), groups), groups, Bootstrap(), low=-1.0, high=1.0)
    assert change.method == "wilson"
    assert (change.low, change.high) == pytest.approx((2 * low - 1, 2 * high - 1))
    positive = np.arange(n) % 2 == 0
    ranked = estimate(auroc_statistic(positive, positive, groups), groups, Bootstrap())
    assert (ranked.value, ranked.low, ranked.method) == (1.0, pytest.approx(wilson(1.0, n / 2)[0]), "wilson")


def test_equal_values_without_a_scale_show_no_spread() -> None:
    same = estimate(mean_statistic(np.ones(50), _singles(50)), _singles(50), Bootstrap())
    assert same.low == NotMeasured(reason="all groups say the same, which shows no spread")


def test_a_statistic_undefined_in_many_draws_has_no_interval() -> None:
    groups = _singles(40)
    one_positive = auroc_statistic(np.arange(40.0), np.arange(40) == 20, groups)
    result = estimate(lambda weights: one_positive(weights), groups, Bootstrap())
    assert result.value == pytest.approx(20 / 39)
    assert result.low == NotMeasured(reason="undefined in many resamples of the groups")
    # The AUROC itself knows that one group of a label is too few.
    assert estimate(one_positive, groups, Bootstrap()).low == NotMeasured(
        reason="too few groups (40, which count as 1.0; 8 needed)"
    )


def test_nothing_to_measure() -> None:
    empty = estimate(mean_statistic([], _singles(0)), _singles(0), Bootstrap(), is_proportion=True)
    assert empty == not_measured("no items to measure it on")


def test_equal_seeds_give_equal_intervals_and_others_differ() -> None:
    statistic = mean_statistic(np.random.default_rng(0).random(64), _singles(64))
    one, again, other = (
        estimate(statistic, _singles(64), Bootstrap(n_draws=500, seed=seed), is_proportion=True) for seed in (1, 1, 2)
    )
    assert one == again
    assert one != other


def test_standard_error_is_that_of_the_mean() -> None:
    values = np.random.default_rng(0).normal(size=400)
    error = standard_error(mean_statistic(values, _singles(400)), _singles(400))
    assert error == pytest.approx(values.std() / 20, rel=0.01)
    assert standard_error(mean_statistic(values[:7], _singles(7)), _singles(7)) is None
    assert standard_error(mean_statistic(np.ones(50), _singles(50)), _singles(50)) is None


def test_rates_that_never_vary_carry_wilsons_joint_interval_into_what_follows_from_them() -> None:
    found = estimate_of_rates(
        lambda one, other: one - other, [(Rate(1.0, 40.0), True), (Rate(0.0, 60.0), False)], _singles(100), 100
    )
    ends = wilson(1.0, 40, 0.975)[0], wilson(0.0, 60, 0.975)[1]
    assert (found.value, found.low, found.high) == (1.0, pytest.approx(ends[0] - ends[1]), pytest.approx(1.0))


def test_estimates_change_as_a_whole() -> None:
    share = estimate_mean(np.arange(40) < 10, _singles(40), Bootstrap())
    other = map_estimate(share, lambda value: 1 - value, is_rising=False)
    assert (other.value, other.low, other.high) == (0.75, 1 - float(share.high), 1 - float(share.low))  # type: ignore[arg-type]
    assert drop_interval(share, "few").high == NotMeasured(reason="few")
    fixed = fix_by_definition(share)
    assert (fixed.low, fixed.high, fixed.method) == (0.25, 0.25, "by definition")
    missing = not_measured("no pairs")
    assert drop_interval(missing, "few") == fix_by_definition(missing) == map_estimate(missing, math.sqrt) == missing


def test_draws_keep_the_number_of_groups_also_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(_draw_weights(37, Bootstrap(n_draws=100, seed=5))))
    monkeypatch.setattr("vulnscope.stats.intervals._CHUNK_ENTRIES", 37 * 9)
    chunks = list(_draw_weights(37, Bootstrap(n_draws=100, seed=5)))
    assert len(chunks) == 12
    assert np.concatenate(chunks).shape == whole.shape == (100, 37)
    assert (whole.sum(axis=1) == 37).all()
    assert (np.concatenate(chunks).sum(axis=1) == 37).all()


def test_many_groups_are_left_out_in_blocks_that_cover_all() -> None:
    weights = np.concatenate(list(_leave_out_weights(1700, seed=0)))
    assert weights.shape == (500, 1700)
    assert ((1 - weights).sum(axis=0) == 1).all()


def _singles(n: int) -> Groups:
    return Groups(np.arange(n), n)
