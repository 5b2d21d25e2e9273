"""The best of several variants without deceiving oneself: chosen on other groups than it is judged on.

The best of many at random looks good on the items it was chosen by. So groups are dealt into folds, and each fold is
judged under the variant that did best on all other folds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from vulnscope.stats.groups import Floats, Groups, Ints

N_FOLDS = 5


class Chosen(NamedTuple):
    """Per item the fold it lies in, the variant chosen for it, and that variant's value."""

    folds: Ints
    variants: Ints
    values: Floats


def deal_folds(groups: Groups, n_folds: int = N_FOLDS, *, seed: int = 0) -> Ints:
    """Fold of every item: whole groups, shuffled by `seed`, dealt out evenly; as many folds as groups at most."""
    order = np.random.default_rng(seed).permutation(groups.n_groups)
    fold_of_group = np.empty(groups.n_groups, dtype=np.int64)
    fold_of_group[order] = np.arange(groups.n_groups) % min(n_folds, max(1, groups.n_groups))
    folds: Ints = fold_of_group[groups.index]
    return folds


def choose_on_others(values: ArrayLike, groups: Groups, n_folds: int = N_FOLDS, *, seed: int = 0) -> Chosen:
    """Each item under the variant with the highest mean on the other folds, the first of equals.

    `values` is variants × items, higher is better. Raises `ValueError` with fewer than two groups: then nothing is
    left to choose by.
    """
    table = np.asarray(values, dtype=np.float64)
    if groups.n_groups < 2:
        raise ValueError(f"{groups.n_groups} group: a choice on other groups needs two")
    folds = deal_folds(groups, n_folds, seed=seed)
    variants = np.zeros(groups.n_items, dtype=np.int64)
    for fold in np.unique(folds):
        variants[folds == fold] = int(np.argmax(table[:, folds != fold].mean(axis=1)))
    return Chosen(folds, variants, table[variants, np.arange(groups.n_items)])
