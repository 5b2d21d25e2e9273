import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from vulnscope.records.base import NotMeasured
from vulnscope.stats import AurocStatistic, Groups, auroc, auroc_statistic, pair_ranks, stratified_auroc

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
    assert stratified_auroc(scores, positive, _singles(7), strata) == pytest.approx((1.0 * 2 + 0.5 * 4) / 6)


def test_an_offset_between_strata_does_not_count() -> None:
    generator = np.random.default_rng(0)
    positive = np.tile([True, False], 50)
    scores = generator.normal(size=100) + positive
    strata = np.repeat(["a", "b"], 50)
    shifted = scores + 100 * (strata == "b")
    assert stratified_auroc(shifted, positive, _singles(100), list(strata)) == pytest.approx(
        stratified_auroc(scores, positive, _singles(100), list(strata))
    )


def test_a_resample_compares_copies_of_items_with_items_of_other_groups() -> None:
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 7, size=60)
    scores, positive = generator.integers(0, 9, size=60), generator.random(60) < 0.4
    strata = generator.integers(0, 3, size=60)
    groups = Groups.from_labels(labels.tolist())
    weights = generator.integers(0, 4, size=(5, groups.n_groups)).astype(float)
    statistic = auroc_statistic(scores, positive, groups, strata.tolist())(weights)
    for row, value in zip(weights, statistic, strict=True):
        copies = np.repeat(np.arange(60), row[groups.index].astype(int))
        assert value == pytest.approx(_by_hand(scores[copies], positive[copies], labels[copies], strata[copies]))


def _by_hand(scores: np.ndarray, positive: np.ndarray, labels: np.ndarray, strata: np.ndarray) -> float:
    total = weight = 0.0
    for stratum in set(strata.tolist()):
        items = np.flatnonzero(strata == stratum)
        wins = [
            float(scores[one] > scores[other]) + 0.5 * float(scores[one] == scores[other])
            for one in items[positive[items]]
            for other in items[~positive[items]]
            if labels[one] != labels[other]
        ]
        if wins:
            total += float(np.mean(wins)) * len(items)
            weight += len(items)
    return total / weight


def test_a_draw_without_one_side_or_without_other_groups_is_undefined() -> None:
    groups = Groups.from_labels(["vulnerable", "fixed"])
    values = auroc_statistic([1.0, 0.0], [True, False], groups)(np.array([[1.0, 1.0], [2.0, 0.0]]))
    twins = auroc_statistic([1.0, 0.0], [True, False], Groups.from_labels(["pair", "pair"]))
    assert math.isnan(twins(np.array([[2.0]]))[0])
    assert values[0] == 1.0
    assert math.isnan(values[1])


def test_pair_ranks_count_ties_half() -> None:
    assert pair_ranks([1.0, 2.0, 3.0], [0.0, 2.0, 4.0]).tolist() == [1.0, 0.5, 0.0]


missing = st.lists(
    st.tuples(st.none() | st.integers(-2, 2), st.booleans(), st.sampled_from("abc")), min_size=2, max_size=25
)


@given(missing)
def test_an_item_without_a_score_wins_half_of_its_comparisons(items: list[tuple[int | None, bool, str]]) -> None:
    scores = [math.nan if score is None else float(score) for score, _, _ in items]
    labels = [positive for _, positive, _ in items]
    strata = [stratum for _, _, stratum in items]
    groups = Groups.from_labels(range(len(items)))
    found = auroc_statistic(scores, labels, groups, strata)(np.ones((1, len(items))))[0]
    total = weights = 0.0
    for stratum in set(strata):
        own = [(score, label) for score, label, where in zip(scores, labels, strata, strict=True) if where == stratum]
        wins = [
            0.5 if math.isnan(one - other) or one == other else float(one > other)
            for one, is_vulnerable in own
            for other, is_other in own
            if is_vulnerable and not is_other
        ]
        if wins:
            total += len(own) * sum(wins) / len(wins)
            weights += len(own)
    value = stratified_auroc(scores, labels, groups, strata)
    if weights:
        assert value == pytest.approx(total / weights)
        assert found == pytest.approx(total / weights)
    else:
        assert isinstance(value, NotMeasured)
        assert math.isnan(found)


def test_a_pair_without_a_score_ranks_one_half() -> None:
    assert pair_ranks([1.0, math.nan, 0.0], [math.nan, 0.0, 1.0]).tolist() == [0.5, 0.5, 0.0]


def test_twins_never_meet() -> None:
    # Each vulnerable twin beats its own fixed one alone: pair-rank 1, and no skill between pairs.
    scores = [1.0, 0.5, 2.0, 1.5, 3.0, 2.5, 4.0, 3.5]
    positive = [True, False] * 4
    pairs = Groups(np.repeat(np.arange(4), 2), 4)
    assert stratified_auroc(scores, positive, pairs) == 0.5
    assert stratified_auroc(scores, positive, pairs, [0] * 4 + [1] * 4) == 0.5
    alone = auroc_statistic(scores, positive, pairs, [0, 0, 1, 1, 2, 2, 2, 2])
    assert (alone.value, alone.n_items, alone.unranked_share, alone.n_effective) == (0.5, 4, 0.5, 2.0)
    nowhere = auroc_statistic(scores, positive, pairs, pairs.index.tolist())
    assert nowhere.value == NotMeasured(reason="no stratum holds vulnerable and fixed samples of different groups")
    assert (nowhere.unranked_share, nowhere.n_effective) == (1.0, 0.0)


def test_differences_and_averages_are_statistics_of_their_own() -> None:
    generator = np.random.default_rng(0)
    groups = Groups(np.repeat(np.arange(30), 2), 30)
    positive = np.tile([True, False], 30)
    one, other = (auroc_statistic(generator.normal(size=60) + shift * positive, positive, groups) for shift in (0, 1))
    weights = generator.integers(0, 3, size=(4, 30)).astype(float)
    assert (other - one)(weights) == pytest.approx(other(weights) - one(weights))
    assert AurocStatistic.average([one, other])(weights) == pytest.approx((other(weights) + one(weights)) / 2)
    assert (one.ends, (other - one).ends) == ((0.0, 1.0), (-1.0, 1.0))
    assert (one - one).spread() == 0.0
    # Uncorrelated scores: variances add up.
    assert (other - one).spread() == pytest.approx(math.hypot(one.spread(), other.spread()), rel=0.3)


def test_weights_count_comparisons_and_leave_strata_the_weight_of_their_items() -> None:
    scores, positive = np.array([3.0, 0.0, 1.0, 2.0, 1.0, 0.0]), np.array([True, False, True, False, True, False])
    groups, strata = Groups(np.arange(6), 6), ["a"] * 4 + ["b"] * 2
    weights = np.array([1.0, 2.0, 5.0, 1.0, 7.0, 9.0])
    # a: 3 beats 0 (1 × 2) and 2 (1 × 1), 1 beats 0 (5 × 2) and loses to 2 (5 × 1), over 4 items; b: 1 over 2.
    expected = ((2 + 1 + 10) / 18 * 4 + 1.0 * 2) / 6
    assert auroc_statistic(scores, positive, groups, strata, weights=weights).value == pytest.approx(expected)


def _singles(n: int) -> Groups:
    return Groups(np.arange(n), n)
