from __future__ import annotations

import numpy as np
import pytest

from vulnscope.errors import InputError
from vulnscope.probe.folds import NEVER, deal_folds, groups_needed, leave_out


def test_no_group_is_on_two_sides() -> None:
    groups = [f"g{i % 17}" for i in range(60)]
    folds = deal_folds(groups, 5, 3, seed=1)
    members = np.array(groups, dtype=object)
    for fold in range(5):
        measured, training = folds.outer == fold, folds.inner[fold] >= 0
        assert not set(members[measured]) & set(members[training])
        assert (measured | training).all()
        for inner in range(3):
            chosen = folds.inner[fold] == inner
            rest = training & ~chosen
            assert chosen.any()
            assert not set(members[chosen]) & set(members[rest])


def test_folds_are_balanced_and_repeatable() -> None:
    groups = [f"g{i // 2}" for i in range(80)]
    folds = deal_folds(groups, 5, 3, seed=0)
    assert np.bincount(folds.outer).tolist() == [16] * 5
    np.testing.assert_array_equal(folds.outer, deal_folds(groups, 5, 3, seed=0).outer)
    assert not np.array_equal(folds.outer, deal_folds(groups, 5, 3, seed=1).outer)


def test_too_few_groups_says_how_many_are_needed() -> None:
    with pytest.raises(InputError, match="5 outer and 3 inner folds need at least 10 groups; there are 4"):
        deal_folds(["a", "b", "c", "d"] * 9, 5, 3, seed=0)
    assert groups_needed(2, 6) == 24


def test_a_part_left_out_trains_for_nothing_that_measures_it() -> None:
    parts = ["CWE-1"] * 20 + ["CWE-2"] * 20 + ["CWE-3"] * 20
    # The last group reaches from the second part into the third.
    groups = [f"g{i // 2}" for i in range(60)]
    groups[40] = groups[39]
    folds = leave_out(parts, groups, 3, seed=0, most=9)
    assert folds.n_outer == 3
    for fold in range(3):
        measured = {groups[i] for i in np.flatnonzero(folds.outer == fold)}
        assert not measured & {groups[i] for i in np.flatnonzero(folds.inner[fold] >= 0)}


def test_many_parts_share_folds_and_stay_whole() -> None:
    parts = [f"t{i // 4}" for i in range(80)]
    folds = leave_out(parts, [f"g{i // 2}" for i in range(80)], 2, seed=0, most=4)
    assert folds.n_outer == 4
    for part in set(parts):
        assert len({int(folds.outer[i]) for i, own in enumerate(parts) if own == part}) == 1


def test_one_part_cannot_be_left_out() -> None:
    with pytest.raises(InputError, match="there is only 'CWE-1'"):
        leave_out(["CWE-1"] * 8, ["a", "b", "c", "d"] * 2, 2, seed=0, most=9)


def test_parts_without_enough_training_groups_are_not_measured() -> None:
    folds = leave_out(["a"] * 12 + ["b"] * 2, [f"g{i // 2}" for i in range(14)], 2, seed=0, most=9)
    assert set(folds.outer[:12].tolist()) == {NEVER}
    assert (folds.outer[12:] == 1).all()
