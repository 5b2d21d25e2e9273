from __future__ import annotations

import numpy as np
import pytest
from tests.probe.builders import make_feature, make_items

from vulnscope.probe.folds import deal_folds
from vulnscope.probe.nested import VARIANTS, Feature, column_auroc, cross_validate, score_parts
from vulnscope.stats import auroc

ITEMS = make_items(40)
FOLDS = deal_folds(ITEMS.groups, 4, 3, seed=0)
LABELS = ITEMS.is_vulnerable[:, None]


def test_the_feature_that_tells_is_chosen() -> None:
    features = [make_feature(ITEMS, 0.0, 1), make_feature(ITEMS, 3.0, 2), make_feature(ITEMS, 0.0, 3)]
    found = cross_validate(features, LABELS, FOLDS)
    assert {choice.feature for choice in found.choices if choice} == {1}
    area = auroc(found.chosen[:, 0], ITEMS.is_vulnerable)
    assert isinstance(area, float)
    assert area > 0.8
    assert found.by_feature.shape == (3, 2, 80)


def test_nothing_is_found_where_nothing_is() -> None:
    found = cross_validate([make_feature(ITEMS, 0.0, seed) for seed in range(3)], LABELS, FOLDS)
    area = auroc(found.chosen[:, 0], ITEMS.is_vulnerable)
    assert isinstance(area, float)
    assert 0.3 < area < 0.7


def test_labels_of_measured_items_do_not_matter() -> None:
    features = [make_feature(ITEMS, 2.0, 1), make_feature(ITEMS, 1.0, 2)]
    swapped = LABELS.copy()
    measured = FOLDS.outer == 0
    swapped[measured] = ~swapped[measured]
    one, other = (cross_validate(features, labels, FOLDS).chosen[measured, 0] for labels in (LABELS, swapped))
    np.testing.assert_array_equal(one, other)


def test_columns_choose_for_themselves() -> None:
    features = [make_feature(ITEMS, 2.5, 1), make_feature(ITEMS, 0.0, 2)]
    flips = np.repeat(np.random.default_rng(0).random(40) < 0.5, 2)
    together = cross_validate(features, np.stack([LABELS[:, 0], LABELS[:, 0] ^ flips], axis=1), FOLDS)
    alone = cross_validate(features, (LABELS[:, 0] ^ flips)[:, None], FOLDS)
    np.testing.assert_allclose(together.chosen[:, 1], alone.chosen[:, 0], atol=0.05)


def test_order_of_items_does_not_matter() -> None:
    order = np.random.default_rng(3).permutation(len(ITEMS))
    feature = make_feature(ITEMS, 1.5, 4)
    moved = Feature(feature.name, feature.values[order])
    folds = type(FOLDS)(FOLDS.outer[order], tuple(inner[order] for inner in FOLDS.inner), FOLDS.names)
    plain = cross_validate([feature], LABELS, FOLDS).chosen[order, 0]
    np.testing.assert_allclose(plain, cross_validate([moved], LABELS[order], folds).chosen[:, 0], rtol=1e-2, atol=1e-2)


def test_classes_of_one_target_choose_together() -> None:
    features = [make_feature(ITEMS, 0.0, 1), make_feature(ITEMS, 3.0, 2)]
    found = cross_validate(features, np.concatenate([LABELS, ~LABELS], axis=1), FOLDS, is_joint=True)
    np.testing.assert_allclose(found.chosen[:, 0], -found.chosen[:, 1], rtol=1e-2, atol=1e-2)


def test_column_auroc_is_the_auroc_with_ties() -> None:
    generator = np.random.default_rng(0)
    scores = generator.integers(0, 4, size=(30, 2, 3)).astype(float)
    labels = generator.random((30, 3)) < 0.4
    found = column_auroc(scores, labels)
    for variant in range(2):
        for column in range(3):
            assert found[variant, column] == pytest.approx(auroc(scores[:, variant, column], labels[:, column]))
    assert column_auroc(scores, np.ones((30, 3), dtype=bool)).tolist() == [[0.5] * 3] * 2


def test_a_fixed_read_out_is_fitted_on_the_training_part_only() -> None:
    feature = make_feature(ITEMS, 3.0, 5)
    training, measured = FOLDS.inner[0] >= 0, FOLDS.outer == 0
    scores = score_parts(feature, VARIANTS[1], ITEMS.is_vulnerable, training, measured)
    assert auroc(scores, ITEMS.is_vulnerable[measured]) > 0.8  # type: ignore[operator]
