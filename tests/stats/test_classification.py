from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, matthews_corrcoef

from vulnscope.records.base import NotMeasured
from vulnscope.stats import (
    AnswerCounts,
    Groups,
    balanced_accuracy_statistic,
    best_cut,
    matthews,
    matthews_statistic,
)


def draw(seed: int, n: int = 80) -> tuple[np.ndarray, np.ndarray, Groups]:
    generator = np.random.default_rng(seed)
    truth = generator.random(n) < 0.3
    said = generator.random(n) < np.where(truth, 0.6, 0.4)
    return truth, said, Groups.from_labels((np.arange(n) // 3).tolist())


@pytest.mark.parametrize("seed", range(5))
def test_both_equal_scikit_learn_also_under_weights(seed: int) -> None:
    truth, said, groups = draw(seed)
    weights = np.random.default_rng(seed).integers(0, 4, size=(3, groups.n_groups)).astype(float)
    right = truth == said
    for row in range(3):
        times = weights[row, groups.index].astype(int)
        repeated_truth, repeated_said = np.repeat(truth, times), np.repeat(said, times)
        assert matthews_statistic(truth, said, groups)(weights)[row] == pytest.approx(
            matthews_corrcoef(repeated_truth, repeated_said)
        )
        assert balanced_accuracy_statistic(truth, right, groups)(weights)[row] == pytest.approx(
            balanced_accuracy_score(repeated_truth, repeated_said)
        )


def test_matthews_of_counts() -> None:
    truth, said, _ = draw(7)
    counts = AnswerCounts(
        int((truth & said).sum()), int((truth & ~said).sum()), int((~truth & said).sum()), int((~truth & ~said).sum())
    )
    assert matthews(counts) == pytest.approx(matthews_corrcoef(truth, said))


def test_a_constant_answer_has_no_correlation_and_half_the_balanced_accuracy() -> None:
    assert matthews(AnswerCounts(10, 0, 10, 0)) == NotMeasured(reason="all parsed answers, or all labels, are the same")
    truth = np.arange(20) < 5
    groups = Groups(np.arange(20), 20)
    assert balanced_accuracy_statistic(truth, truth, groups)(np.ones((1, 20))) == [0.5]
    assert np.isnan(matthews_statistic(truth, np.ones(20), groups)(np.ones((1, 20)))).all()


def test_unparsed_counts_as_wrong_in_balanced_accuracy() -> None:
    truth = [True, True, False, False]
    right = [True, False, True, True]  # the second answer was unparsed
    assert balanced_accuracy_statistic(truth, right, Groups(np.arange(4), 4))(np.ones((1, 4))) == [0.75]


def test_the_cut_parts_what_can_be_parted() -> None:
    margins = np.array([5.0, 6.0, 7.0, 8.0])
    assert best_cut(margins, np.array([False, False, True, True])) == pytest.approx(6.5)
    # Nothing to win: the lowest cut calls everything vulnerable.
    assert best_cut(margins, np.array([True, True, False, False])) < 5.0
    assert best_cut(np.array([1.0, 1.0]), np.array([True, False])) in (0.0, 2.0)


def test_a_cut_needs_both_sides() -> None:
    with pytest.raises(ValueError, match="2 vulnerable and 0 fixed"):
        best_cut(np.array([1.0, 2.0]), np.array([True, True]))
