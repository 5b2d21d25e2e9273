from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_curve

from vulnscope.records.base import NotMeasured
from vulnscope.stats import (
    Groups,
    average_precision,
    average_precision_statistic,
    cut_at,
    recall_at,
    recall_statistic,
    warn_of_few_negatives,
)

ITEMS = st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=40)


def recall_by_roc(scores: np.ndarray, positive: np.ndarray, rate: float) -> float:
    """The same from scikit-learn's curve."""
    false_rates, true_rates, _ = roc_curve(positive, scores, drop_intermediate=False)
    return float(true_rates[false_rates <= rate].max())


@given(ITEMS)
def test_average_precision_equals_scikit_learn_with_ties(items: list[tuple[int, bool]]) -> None:
    scores, positive = np.array([score for score, _ in items]), np.array([flag for _, flag in items])
    if positive.any():
        assert average_precision(scores, positive) == pytest.approx(average_precision_score(positive, scores))
    else:
        assert isinstance(average_precision(scores, positive), NotMeasured)


@given(ITEMS, st.sampled_from([0.0, 0.05, 0.25, 0.5, 1.0]))
def test_recall_equals_that_of_the_roc_curve(items: list[tuple[int, bool]], rate: float) -> None:
    scores, positive = np.array([score for score, _ in items]), np.array([flag for _, flag in items])
    if positive.any() and not positive.all():
        assert recall_at(scores, positive, rate) == pytest.approx(recall_by_roc(scores, positive, rate))
    else:
        assert isinstance(recall_at(scores, positive, rate), NotMeasured)


@pytest.mark.parametrize("seed", range(3))
def test_draws_equal_repeated_items(seed: int) -> None:
    generator = np.random.default_rng(seed)
    scores, positive = generator.integers(0, 12, 60), generator.random(60) < 0.4
    groups = Groups.from_labels((np.arange(60) // 4).tolist())
    weights = generator.integers(0, 3, size=(4, groups.n_groups)).astype(float)
    for row in range(4):
        times = weights[row, groups.index].astype(int)
        repeated = np.repeat(scores, times), np.repeat(positive, times)
        assert average_precision_statistic(scores, positive, groups)(weights)[row] == pytest.approx(
            average_precision_score(repeated[1], repeated[0])
        )
        assert recall_statistic(scores, positive, groups, 0.1)(weights)[row] == pytest.approx(
            recall_by_roc(*repeated, 0.1)
        )


def test_a_draw_without_positives_is_undefined() -> None:
    groups = Groups(np.arange(3), 3)
    draws = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]])
    assert np.isnan(average_precision_statistic([3, 2, 1], [True, False, False], groups)(draws)).tolist() == [
        True,
        False,
    ]
    assert np.isnan(recall_statistic([3, 2, 1], [True, False, False], groups, 0.5)(draws)).all()


def test_worked_value_of_vd_s() -> None:
    # 200 negatives with scores 1..200: at 1 % two may lie above the cut, so it stands above 198.
    negatives = np.arange(1, 201)
    positives = np.array([250, 199.5, 198.5, 198, 10])
    scores, positive = np.concatenate([negatives, positives]), np.arange(205) >= 200
    assert recall_at(scores, positive, 0.01) == pytest.approx(3 / 5)
    assert recall_at(scores, positive, 0.005) == pytest.approx(2 / 5)
    assert cut_at(negatives, 0.01) == 198.0
    assert (positives > 198.0).mean() == pytest.approx(3 / 5)


def test_the_cut_keeps_the_rate_with_ties() -> None:
    assert cut_at([1, 1, 1, 0], 0.5) == 1.0
    assert cut_at([], 0.5) == NotMeasured(reason="no negatives to place the cut by")
    assert float(cut_at([1, 2], 1.0)) < -1e300  # type: ignore[arg-type]


def test_few_negatives_are_told_with_the_number_that_would_do() -> None:
    assert warn_of_few_negatives(1000, 0.01) is None
    assert warn_of_few_negatives(803, 0.005) == (
        "too few negatives: a rate of 0.5 % allows 4 of 803; 2,000 would allow 10"
    )


def test_what_has_no_score_is_spread_over_all_levels() -> None:
    nan = np.nan
    # Above the upper level: 1 and half of the item without a score, all positive; above both: 2 of 3.
    assert average_precision([2.0, 1.0, nan], [True, False, True]) == pytest.approx(0.75 * 1 + 0.25 * 2 / 3)
    assert average_precision([nan, nan, -1.0, -1.0], [True, True, False, False]) == pytest.approx(0.5)
    assert average_precision([1.0, 1.0, nan, nan], [True, True, False, False]) == pytest.approx(0.5)
    assert average_precision([nan, nan, nan], [True, False, False]) == pytest.approx(1 / 3)
    # Half of the negative without a score lies above the upper level: too many at a rate of 0.2, not at 0.3.
    scores, positive = [2.0, 1.0, 1.0, nan], [True, True, False, False]
    assert recall_at(scores, positive, 0.1) == 0.0
    assert recall_at(scores, positive, 0.3) == pytest.approx(0.5)
