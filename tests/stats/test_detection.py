import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from vulnscope.records.base import NotMeasured
from vulnscope.stats import (
    AnswerCounts,
    Groups,
    auroc,
    auroc_statistic,
    chance_pair_correct,
    corrected_rate,
    count_answers,
    criterion,
    d_a,
    d_prime,
    false_alarm_rate,
    hit_rate,
    mean_statistic,
    pair_cells,
    pair_ranks,
    stratified_auroc,
)

scored = st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=40).filter(
    lambda items: 0 < sum(positive for _, positive in items) < len(items)
)


@given(scored)
def test_auroc_equals_scikit_learn_with_ties(items: list[tuple[int, bool]]) -> None:
    scores, positive = zip(*items, strict=True)
    assert auroc(scores, positive) == pytest.approx(roc_auc_score(positive, scores))


@given(scored)
def test_auroc_does_not_depend_on_order_or_scale(items: list[tuple[int, bool]]) -> None:
    scores, positive = (np.array(side) for side in zip(*items, strict=True))
    assert auroc(scores[::-1] * 7 + 1, positive[::-1]) == pytest.approx(auroc(scores, positive))


def test_auroc_of_one_side_is_not_measured() -> None:
    assert isinstance(auroc([1.0, 2.0], [True, True]), NotMeasured)
    assert isinstance(auroc([], []), NotMeasured)


def test_strata_are_weighted_by_their_size_and_one_sided_ones_drop_out() -> None:
    scores = [1, 0, 0, 1, 1, 0, 9]
    positive = [True, False, True, False, True, False, True]
    strata = ["a", "a", "b", "b", "b", "b", "c"]
    # a: 1 over 2 samples; b: positives 0, 1 against negatives 1, 0 = (0 + 1/2 + 1/2 + 1)/4 over 4; c: one side.
    assert stratified_auroc(scores, positive, strata) == pytest.approx((1.0 * 2 + 0.5 * 4) / 6)


def test_an_offset_between_strata_does_not_count() -> None:
    generator = np.random.default_rng(0)
    positive = np.tile([True, False], 50)
    scores = generator.normal(size=100) + positive
    strata = np.repeat(["a", "b"], 50)
    shifted = scores + 100 * (strata == "b")
    assert stratified_auroc(shifted, positive, list(strata)) == pytest.approx(
        stratified_auroc(scores, positive, list(strata))
    )


def test_group_weights_repeat_items() -> None:
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 7, size=60)
    scores, positive = generator.integers(0, 9, size=60), generator.random(60) < 0.4
    strata = [str(number) for number in generator.integers(0, 3, size=60)]
    groups = Groups.from_labels(labels.tolist())
    weights = generator.integers(0, 4, size=(5, groups.n_groups)).astype(float)
    statistic = auroc_statistic(scores, positive, groups, strata)(weights)
    for row, value in zip(weights, statistic, strict=True):
        repeated = np.repeat(np.arange(60), row[groups.index].astype(int))
        expected = stratified_auroc(scores[repeated], positive[repeated], [strata[item] for item in repeated])
        assert value == pytest.approx(expected)


def test_a_draw_without_one_side_is_undefined() -> None:
    groups = Groups.from_labels(["vulnerable", "fixed"])
    values = auroc_statistic([1.0, 0.0], [True, False], groups)(np.array([[1.0, 1.0], [2.0, 0.0]]))
    assert values[0] == 1.0
    assert math.isnan(values[1])


def test_mean_statistic_counts_items_by_weight() -> None:
    groups = Groups.from_labels(["a", "a", "b"])
    statistic = mean_statistic([1.0, 0.0, 1.0], groups, weights=[1, 1, 0])
    assert statistic(np.array([[1.0, 1.0], [1.0, 5.0]])).tolist() == [0.5, 0.5]
    assert math.isnan(statistic(np.array([[0.0, 3.0]]))[0])


def test_d_a_worked_value() -> None:
    # Phi(1/sqrt 2) = 0.76025: the AUROC of two unit normals one apart.
    assert d_a(0.7602499389065233) == pytest.approx(1.0)
    assert d_a(0.5) == 0.0
    assert d_a(1.0) == NotMeasured(reason="AUROC is exactly 1: the distance has no bound")
    assert d_a(NotMeasured(reason="why")) == NotMeasured(reason="why")


def test_pair_ranks_count_ties_half() -> None:
    assert pair_ranks([1.0, 2.0, 3.0], [0.0, 2.0, 4.0]).tolist() == [1.0, 0.5, 0.0]


def test_d_prime_and_criterion_worked_values() -> None:
    counts = AnswerCounts(hits=20, misses=5, false_alarms=10, correct_rejections=15)
    assert hit_rate(counts) == pytest.approx(20.5 / 26)
    assert false_alarm_rate(counts) == pytest.approx(10.5 / 26)
    # z(.7885) = 0.801 and z(.4038) = -0.243 from a table of the normal distribution.
    assert d_prime(counts) == pytest.approx(0.801 + 0.243, abs=1e-3)
    assert criterion(counts) == pytest.approx(-(0.801 - 0.243) / 2, abs=1e-3)


def test_saying_yes_to_nearly_everything_identifies_no_d_prime() -> None:
    counts = AnswerCounts(hits=100, misses=0, false_alarms=96, correct_rejections=4)
    expected = NotMeasured(reason="not identified: only 0 of one answer on a side, 5 needed")
    assert d_prime(counts) == criterion(counts) == expected
    assert hit_rate(counts) == pytest.approx(100.5 / 101)


def test_a_d_prime_of_exactly_zero_is_measured() -> None:
    assert d_prime(AnswerCounts(10, 10, 10, 10)) == 0.0
    assert criterion(AnswerCounts(10, 10, 10, 10)) == 0.0


def test_corrected_rate_without_answers_is_not_measured() -> None:
    assert isinstance(corrected_rate(0, 0), NotMeasured)


def test_unparsed_answers_are_on_no_side() -> None:
    counts = count_answers([True, True, True, False, False], ["vulnerable", "fixed", "unparsed", "vulnerable", "fixed"])
    assert counts == AnswerCounts(1, 1, 1, 1)


says = st.sampled_from(["vulnerable", "fixed", "unparsed"])


@given(st.lists(st.tuples(says, says), min_size=1, max_size=30))
def test_pair_cells_sum_to_one(pairs: list[tuple[str, str]]) -> None:
    cells = pair_cells([one for one, _ in pairs], [other for _, other in pairs])
    assert cells is not None
    assert sum(cells.model_dump().values()) == pytest.approx(1.0)


def test_pair_cells_by_hand() -> None:
    cells = pair_cells(
        ["vulnerable", "vulnerable", "fixed", "fixed", "unparsed"],
        ["fixed", "vulnerable", "fixed", "vulnerable", "fixed"],
    )
    assert cells is not None
    assert set(cells.model_dump().values()) == {0.2}
    assert pair_cells([], []) is None


def test_chance_is_y_times_one_minus_y() -> None:
    assert chance_pair_correct(["vulnerable"] * 97 + ["fixed"] * 3) == pytest.approx(0.0291)
    assert chance_pair_correct(["vulnerable", "fixed", "unparsed", "unparsed"]) == pytest.approx(1 / 16)
    assert isinstance(chance_pair_correct([]), NotMeasured)
