"""Nested folds over groups: who trains, who chooses, who is measured. No group is ever on two sides."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from vulnscope.corpora.splits import hash_group
from vulnscope.errors import InputError
from vulnscope.stats.groups import Groups, Ints

NEVER = -1


@dataclass(frozen=True, eq=False)
class Folds:
    """`outer[i]` is the fold that measures item i; `inner[k][i]` its fold inside the training part of fold k.

    `NEVER` (-1): not measured at all, or not among the training items of fold k.
    """

    outer: Ints
    inner: tuple[Ints, ...]
    names: tuple[str, ...]

    @property
    def n_outer(self) -> int:
        """Number of outer folds."""
        return len(self.inner)


def groups_needed(n_outer: int, n_inner: int) -> int:
    """Fewest groups for so many folds: two to measure in each outer fold, two to choose by in each inner one."""
    in_training = 2 * n_inner
    return max(2 * n_outer, -(-in_training * n_outer // (n_outer - 1)))


def deal_folds(groups: Sequence[str], n_outer: int, n_inner: int, seed: int) -> Folds:
    """Folds of about equal numbers of items, dealt by the hash of each group's name with `seed`.

    Raises `InputError` saying how many groups are needed where there are too few.
    """
    n_groups, needed = len(set(groups)), groups_needed(n_outer, n_inner)
    if n_groups < needed:
        raise InputError(
            f"{n_outer} outer and {n_inner} inner folds need at least {needed} groups; there are {n_groups}. Ask for "
            "fewer folds (probe --folds), or use a larger corpus"
        )
    outer = _deal(groups, range(len(groups)), n_outer, seed)
    names = tuple(f"fold {k + 1}" for k in range(n_outer))
    return Folds(outer, _deal_inner(groups, outer, n_outer, n_inner, seed), names)


def leave_out(parts: Sequence[Hashable], groups: Sequence[str], n_inner: int, seed: int, most: int) -> Folds:
    """One outer fold per part, such as a CWE: it is measured by what was fitted on all others.

    A group that reaches into the part left out does not train for it. More than `most` parts share that many folds,
    whole parts each, so that every part is still unseen. Parts whose complement holds too few groups are not measured.
    Raises `InputError` where there is but one part.
    """
    names = list(dict.fromkeys(str(part) for part in parts))
    if len(names) < 2:
        raise InputError(f"leaving parts out needs at least 2 of them; there is only {names[0] if names else 'none'!r}")
    order = sorted(names, key=lambda name: hash_group(name, seed)) if len(names) > most else names
    fold_of = {name: place % most for place, name in enumerate(order)}
    outer = np.array([fold_of[str(part)] for part in parts], dtype=np.int64)
    n_outer = min(most, len(names))
    inner = list(_deal_inner(groups, outer, n_outer, n_inner, seed))
    members = np.array(groups, dtype=object)
    for fold in range(n_outer):
        if len(set(members[inner[fold] >= 0].tolist())) < 2 * n_inner:
            outer[outer == fold] = NEVER
            inner[fold] = np.full(len(groups), NEVER, dtype=np.int64)
    shown = tuple(", ".join(name for name in order if fold_of[name] == fold) for fold in range(n_outer))
    return Folds(outer, tuple(inner), shown)


def _deal_inner(groups: Sequence[str], outer: Ints, n_outer: int, n_inner: int, seed: int) -> tuple[Ints, ...]:
    numbers = Groups.from_labels(groups).index
    found = []
    for fold in range(n_outer):
        is_measured = np.isin(numbers, numbers[outer == fold])
        training = np.flatnonzero(~is_measured & (outer != NEVER))
        inner = np.full(len(groups), NEVER, dtype=np.int64)
        inner[training] = _deal(groups, training.tolist(), n_inner, seed + 1 + fold)
        found.append(inner)
    return tuple(found)


def _deal(groups: Sequence[str], items: Sequence[int], n_folds: int, seed: int) -> Ints:
    """The fold of each of `items`: groups in the order of their hash, each to the fold with the fewest items so far."""
    sizes: dict[str, int] = {}
    for item in items:
        sizes[groups[item]] = sizes.get(groups[item], 0) + 1
    filled = [0] * n_folds
    fold_of: dict[str, int] = {}
    for group in sorted(sizes, key=lambda group: hash_group(group, seed)):
        fold = filled.index(min(filled))
        fold_of[group] = fold
        filled[fold] += sizes[group]
    return np.array([fold_of[groups[item]] for item in items], dtype=np.int64)
