"""A threshold is chosen on other groups and wins exactly what a bias cost."""

from __future__ import annotations

import numpy as np

from vulnscope.ask.figures.paired_scores import ScoreTable
from vulnscope.stats import Bootstrap
from vulnscope.study.thresholds import measure_threshold

BOOTSTRAP = Bootstrap(n_draws=200, seed=0)


def items(n_pairs: int) -> ScoreTable:
    names = tuple(f"pair {number // 2}" for number in range(2 * n_pairs))
    return ScoreTable(np.tile([True, False], n_pairs), names, tuple("x" for _ in names), names)


def test_a_biased_model_wins_all_back() -> None:
    margins = np.tile([8.0, 4.0], 60)
    found = measure_threshold(margins, np.tile([True, False], 60), items(60), BOOTSTRAP)
    assert (found.as_is.value, found.cut.value, found.gain.value) == (0.5, 1.0, 0.5)
    assert found.gain.method == "wilson"
    assert float(found.gain.low) > 0.05
    assert 4.0 < float(found.threshold) < 8.0


def test_noise_wins_nothing_beyond_its_interval() -> None:
    margins = np.random.default_rng(0).normal(size=400)
    found = measure_threshold(margins, (margins > 0) == items(200).is_vulnerable, items(200), BOOTSTRAP)
    assert float(found.gain.low) < 0.0 < float(found.gain.high)


def test_one_class_is_no_accuracy() -> None:
    one = items(40).part(np.tile([True, False], 40))
    found = measure_threshold(np.ones(40), np.ones(40, dtype=bool), one, BOOTSTRAP)
    assert found.gain.method == "none"


def test_answers_that_are_none_are_wrong_on_fixed_code_too() -> None:
    found = measure_threshold(np.tile([1.0, -1.0], 40), np.zeros(80, dtype=bool), items(40), BOOTSTRAP)
    assert (found.as_is.value, found.cut.value) == (0.0, 1.0)
