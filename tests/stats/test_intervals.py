import numpy as np
import pytest
from scipy.stats import binomtest
from scipy.stats import bootstrap as scipy_bootstrap

from vulnscope.records.base import NotMeasured
from vulnscope.stats import (
    Bootstrap,
    Groups,
    auroc_statistic,
    estimate,
    interval_within,
    mean_statistic,
    resample,
    wilson,
)
from vulnscope.stats.intervals import _draw_weights, _leave_out_weights


@pytest.mark.parametrize(("k", "n"), [(0, 8), (3, 24), (24, 24), (7, 10)])
def test_wilson_equals_scipy(k: int, n: int) -> None:
    expected = binomtest(k, n).proportion_ci(method="wilson")
    assert wilson(k / n, n) == pytest.approx((expected.low, expected.high))


def test_bca_equals_scipy_up_to_the_draws() -> None:
    sums = np.random.default_rng(0).lognormal(sigma=1.0, size=60)
    ours = estimate(mean_statistic(sums, _singles(60)), 60, 60, Bootstrap(n_draws=40_000), is_proportion=False)
    theirs = scipy_bootstrap((sums,), np.mean, n_resamples=40_000, method="BCa", rng=1).confidence_interval
    assert ours.method == "bca"
    assert ours.value == pytest.approx(sums.mean())
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=0.02)


def test_bca_of_an_auroc_over_groups_equals_scipy() -> None:
    generator = np.random.default_rng(3)
    group = np.repeat(np.arange(50), 2)
    positive = np.tile([True, False], 50)
    scores = generator.normal(size=100) + positive + generator.normal(size=50)[group]
    statistic = auroc_statistic(scores, positive, Groups.from_labels(group.tolist()))

    def of_indices(drawn: np.ndarray) -> float:
        weights = np.bincount(drawn.astype(int), minlength=50).astype(float)
        return float(statistic(weights[None, :])[0])

    theirs = scipy_bootstrap(
        (np.arange(50),), of_indices, n_resamples=4000, method="BCa", vectorized=False, rng=1
    ).confidence_interval
    ours = estimate(statistic, 50, 100, Bootstrap(n_draws=4000), is_proportion=False)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.012)


def test_few_groups_give_wilson_to_proportions_and_nothing_to_others() -> None:
    values = [1.0] * 10 + [0.0] * 14
    share = estimate(mean_statistic(values, _singles(24)), 24, 24, Bootstrap(), is_proportion=True)
    assert share.method == "wilson"
    assert (share.low, share.high) == pytest.approx(wilson(10 / 24, 24))
    other = estimate(mean_statistic(values, _singles(24)), 24, 24, Bootstrap(), is_proportion=False)
    assert other.value == pytest.approx(10 / 24)
    assert other.low == other.high == NotMeasured(reason="too few groups (24, 30 needed)")


def test_wilson_counts_groups_not_items() -> None:
    groups = Groups.from_labels([str(item // 10) for item in range(100)])
    share = estimate(mean_statistic([1.0] * 50 + [0.0] * 50, groups), 10, 100, Bootstrap(), is_proportion=True)
    assert (share.low, share.high) == pytest.approx(wilson(0.5, 10))
    assert (share.n, share.n_groups) == (100, 10)


def test_zero_width_falls_back() -> None:
    ones = mean_statistic(np.ones(50), _singles(50))
    assert estimate(ones, 50, 50, Bootstrap(), is_proportion=True).method == "wilson"
    other = estimate(ones, 50, 50, Bootstrap(), is_proportion=False)
    assert other.low == NotMeasured(reason="too few groups: resamples of all 50 show no spread")


def test_a_statistic_undefined_in_many_draws_has_no_interval() -> None:
    groups = _singles(40)
    one_positive = auroc_statistic(np.arange(40.0), np.arange(40) == 20, groups)
    result = estimate(one_positive, 40, 40, Bootstrap(), is_proportion=False)
    assert result.value == pytest.approx(20 / 39)
    assert isinstance(result.low, NotMeasured)


def test_nothing_to_measure() -> None:
    empty = estimate(mean_statistic([], _singles(0)), 0, 0, Bootstrap(), is_proportion=True)
    assert empty.value == NotMeasured(reason="no items to measure it on")


def test_equal_seeds_give_equal_intervals_and_others_differ() -> None:
    statistic = mean_statistic(np.random.default_rng(0).random(64), _singles(64))
    one, again, other = (
        estimate(statistic, 64, 64, Bootstrap(n_draws=500, seed=seed), is_proportion=True) for seed in (1, 1, 2)
    )
    assert one == again
    assert one != other


def test_standard_error_is_that_of_the_mean() -> None:
    values = np.random.default_rng(0).normal(size=400)
    error = resample(mean_statistic(values, _singles(400)), 400, Bootstrap(n_draws=4000)).standard_error
    assert error == pytest.approx(values.std() / 20, rel=0.05)


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


def test_a_mean_without_spread_gets_wilsons_interval_on_its_own_scale() -> None:
    groups = Groups.from_labels(range(50))
    gains = resample(mean_statistic(np.full(50, 0.5), groups), 50, Bootstrap(n_draws=200, seed=0))
    found = interval_within(gains, 50, Bootstrap(n_draws=200, seed=0), -1.0, 1.0)
    low, high = wilson(0.75, 50)
    assert (found.value, found.method) == (0.5, "wilson")
    assert (found.low, found.high) == pytest.approx((2 * low - 1, 2 * high - 1))
