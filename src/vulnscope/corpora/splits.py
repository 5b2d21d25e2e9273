"""Splits that never put one group on two sides."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

from vulnscope.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vulnscope.corpora.corpus import Corpus


def split_groups(corpus: Corpus, fractions: Mapping[str, float], seed: int) -> dict[str, Corpus]:
    """The corpus in parts of about these fractions of its samples, whole groups each.

    Groups are lined up by the hash of their id with `seed` and dealt out in that order, a group going where its middle
    falls; so the parts depend on nothing but the groups' ids and sizes. Raises `InputError` where the fractions do not
    sum to 1 or a part would be empty.
    """
    if not fractions or min(fractions.values()) <= 0 or not math.isclose(sum(fractions.values()), 1, abs_tol=1e-9):
        raise InputError(f"fractions must be positive and sum to 1; came: {dict(fractions)}")
    sizes: dict[str, int] = {}
    for group in corpus.groups.values():
        sizes[group] = sizes.get(group, 0) + 1
    bounds = _bounds(fractions)
    assigned: dict[str, str] = {}
    dealt = 0
    for group in sorted(sizes, key=lambda group: hash_group(group, seed)):
        middle = (dealt + sizes[group] / 2) / len(corpus.samples)
        assigned[group] = next(name for name, bound in bounds if middle < bound)
        dealt += sizes[group]
    if missing := [name for name in fractions if name not in assigned.values()]:
        raise InputError(
            f"corpus {corpus.name!r} has too few groups ({len(sizes)}) for a split into {', '.join(fractions)}: "
            f"{missing[0]!r} stays empty; ask for fewer parts or use a larger corpus"
        )
    return _part(corpus, assigned, tuple(fractions))


def split_as_published(corpus: Corpus) -> dict[str, Corpus]:
    """The corpus by its publisher's split, mended: a group on two sides goes to "train" whole (else the first by name).

    Nothing held out thus shares a commit or scenario with training. Samples without a split of their own follow their
    group, and are left out where none of it has one. Raises `InputError` where the corpus has no split.
    """
    sides: dict[str, set[str]] = {}
    for sample in corpus.samples:
        if sample.split is not None:
            sides.setdefault(corpus.groups[sample.id], set()).add(sample.split)
    if not sides:
        raise InputError(f"corpus {corpus.name!r} comes without a split; use split_groups with fractions and a seed")
    assigned = {group: "train" if "train" in names else min(names) for group, names in sides.items()}
    return _part(corpus, assigned, tuple(dict.fromkeys(assigned.values())))


def hash_group(group: str, seed: int) -> str:
    """Where a group stands in the line-up of a seed."""
    return hashlib.sha256(f"{seed}/{group}".encode()).hexdigest()


def _bounds(fractions: Mapping[str, float]) -> list[tuple[str, float]]:
    bounds = []
    total = 0.0
    for name, fraction in fractions.items():
        total += fraction
        bounds.append((name, total))
    bounds[-1] = (bounds[-1][0], math.inf)
    return bounds


def _part(corpus: Corpus, assigned: Mapping[str, str], names: tuple[str, ...]) -> dict[str, Corpus]:
    side = {sample.id: assigned.get(corpus.groups[sample.id]) for sample in corpus.samples}
    return {name: corpus.keep(sample for sample in corpus.samples if side[sample.id] == name) for name in names}
