"""Figures over twins where there are none."""

from __future__ import annotations

import numpy as np

from vulnscope.ask.figures.paired_scores import ScoreTable, measure_pair_rank
from vulnscope.records.base import NotMeasured
from vulnscope.stats import Bootstrap


def test_pair_rank_without_a_complete_pair_is_not_measured() -> None:
    items = ScoreTable(np.array([True, False]), ("a", "b"), ("c", "c"), ("one", "two"))
    found = measure_pair_rank(np.array([1.0, 0.0]), items, Bootstrap(n_draws=50))
    assert found.value == NotMeasured(reason="no pairs")
    assert items.pair_groups().n_groups == 0
