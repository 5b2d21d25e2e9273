from __future__ import annotations

from dataclasses import replace

import numpy as np
from tests.probe.builders import make_feature, make_items

from vulnscope.probe.folds import Folds, deal_folds
from vulnscope.probe.generality import draw_curve, join_features, read_other_corpus
from vulnscope.probe.nested import VARIANTS, Choice
from vulnscope.records.audit import CorpusInfo
from vulnscope.stats import Bootstrap


def draw(folds: Folds, *, labels: np.ndarray | None = None) -> list[tuple[int, int]]:
    items = make_items(24)
    items = items if labels is None else replace(items, is_vulnerable=labels)
    choices = [Choice(0, VARIANTS[0])] * folds.n_outer
    points = draw_curve([make_feature(items, 3.0, 1)], choices, items, folds, n_repeats=2, seed=0)
    return [(point.n_pairs, point.n_repeats) for point in points]


def test_the_curve_ends_at_all_training_pairs() -> None:
    folds = deal_folds(make_items(24).groups, 4, 2, 0)
    assert draw(folds) == [(4, 2), (8, 2), (16, 2), (18, 1)]


def test_another_corpus_is_read_by_what_was_fitted_here_on_the_items_measured() -> None:
    home, away = make_items(24), make_items(40)
    rows = [
        make_feature(home, 4.0, 1),
        make_feature(away, 4.0, 2),
        make_feature(home, 0.0, 3),
        make_feature(away, 0.0, 4),
    ]
    features, baselines = join_features(rows[:1], rows[1:2]), {"length": join_features(rows[2:3], rows[3:])}
    # Labels of the items left out are turned round, so that they would spoil the figure.
    is_measured = np.arange(80) < 64
    turned = replace(away, is_vulnerable=away.is_vulnerable ^ ~is_measured)
    info = CorpusInfo.model_construct(name="away")
    found = read_other_corpus(
        info, features, baselines, (home, turned), Bootstrap(n_draws=200), n_inner=2, seed=0, is_measured=is_measured
    )
    assert found.probe.n == 64
    assert float(found.probe.value) > 0.9
    assert float(found.difference.low) > 0.2
    assert found.baseline == "length"


def test_a_size_that_cannot_be_measured_has_no_point() -> None:
    folds = deal_folds(make_items(24).groups, 4, 2, 0)
    assert draw(folds, labels=np.ones(48, dtype=bool)) == []
