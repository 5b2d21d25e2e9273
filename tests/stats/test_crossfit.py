from __future__ import annotations

import numpy as np
import pytest

from vulnscope.stats import Groups, choose_on_others, deal_folds


def test_folds_hold_whole_groups_and_are_even() -> None:
    groups = Groups.from_labels((np.arange(103) // 2).tolist())
    folds = deal_folds(groups, seed=3)
    assert all(len(set(folds[groups.index == group])) == 1 for group in range(groups.n_groups))
    sizes = np.bincount([folds[groups.index == group][0] for group in range(groups.n_groups)])
    assert len(sizes) == 5
    assert max(sizes) - min(sizes) <= 1
    assert (folds == deal_folds(groups, seed=3)).all()
    assert (folds != deal_folds(groups, seed=4)).any()


def test_the_choice_never_reads_its_own_fold() -> None:
    groups = Groups(np.arange(50), 50)
    values = np.random.default_rng(0).random((3, 50))
    chosen = choose_on_others(values, groups)
    spoiled = values.copy()
    fold = chosen.folds == 2
    spoiled[:, fold] = np.random.default_rng(1).random((3, int(fold.sum())))
    assert (choose_on_others(spoiled, groups).variants[fold] == chosen.variants[fold]).all()


def test_the_best_of_many_random_variants_is_no_better_than_chance() -> None:
    generator = np.random.default_rng(5)
    groups = Groups(np.arange(60), 60)
    tables = (generator.random((400, 17, 60)) < 0.5).astype(float)
    honest = np.mean([choose_on_others(table, groups).values.mean() for table in tables])
    naive = np.mean([table.mean(axis=1).max() for table in tables])
    assert honest == pytest.approx(0.5, abs=0.01)
    assert naive > 0.6


def test_a_truly_better_variant_is_found() -> None:
    values = np.array([np.zeros(40), np.ones(40), np.full(40, 0.5)])
    chosen = choose_on_others(values, Groups.from_labels((np.arange(40) // 4).tolist()))
    assert (chosen.variants == 1).all()
    assert (chosen.values == 1).all()


def test_one_group_leaves_nothing_to_choose_by() -> None:
    with pytest.raises(ValueError, match="1 group"):
        choose_on_others(np.zeros((2, 5)), Groups(np.zeros(5, dtype=int), 1))
