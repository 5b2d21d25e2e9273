from __future__ import annotations

from dataclasses import replace

import numpy as np
from tests.probe.builders import make_feature, make_items

from vulnscope.probe.folds import Folds, deal_folds
from vulnscope.probe.generality import draw_curve
from vulnscope.probe.nested import VARIANTS, Choice


def draw(folds: Folds, *, labels: np.ndarray | None = None) -> list[tuple[int, int]]:
    items = make_items(24)
    items = items if labels is None else replace(items, is_vulnerable=labels)
    choices = [Choice(0, VARIANTS[0])] * folds.n_outer
    points = draw_curve([make_feature(items, 3.0, 1)], choices, items, folds, n_repeats=2, seed=0)
    return [(point.n_pairs, point.n_repeats) for point in points]


def test_the_curve_ends_at_all_training_pairs() -> None:
    folds = deal_folds(make_items(24).groups, 4, 2, 0)
    assert draw(folds) == [(4, 2), (8, 2), (16, 2), (18, 1)]


def test_a_size_that_cannot_be_measured_has_no_point() -> None:
    folds = deal_folds(make_items(24).groups, 4, 2, 0)
    assert draw(folds, labels=np.ones(48, dtype=bool)) == []
