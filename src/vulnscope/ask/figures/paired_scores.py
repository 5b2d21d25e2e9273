"""Scores of items to figures: AUROC, pair-rank and differences with intervals by group, for any study."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vulnscope.records.base import Estimate, NotMeasured, Number, not_measured
from vulnscope.stats import (
    Bootstrap,
    Groups,
    auroc_statistic,
    detectable_auroc_difference,
    estimate,
    estimate_mean,
    pair_ranks,
    standard_error,
    stratified_auroc,
    swap_test,
)

if TYPE_CHECKING:
    from vulnscope.corpora import Sample
    from vulnscope.stats import Floats


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """What is known of each item beside its scores; all arrays are in the order of the items."""

    is_vulnerable: np.ndarray
    groups: tuple[str, ...]
    strata: tuple[Hashable, ...]
    pairs: tuple[str | None, ...]

    @classmethod
    def of(cls, samples: Sequence[Sample], group_of: dict[str, str]) -> ScoreTable:
        """The items of labelled samples; strata are CWE and language."""
        return cls(
            is_vulnerable=np.array([sample.label == "vulnerable" for sample in samples], dtype=bool),
            groups=tuple(group_of[sample.id] for sample in samples),
            strata=tuple((sample.cwes, sample.language) for sample in samples),
            pairs=tuple(sample.pair_id for sample in samples),
        )

    def __len__(self) -> int:
        return len(self.groups)

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return len(set(self.groups))

    def part(self, is_kept: np.ndarray) -> ScoreTable:
        """The items that are kept."""
        kept = np.flatnonzero(is_kept).tolist()
        return replace(
            self,
            is_vulnerable=self.is_vulnerable[is_kept],
            groups=tuple(self.groups[i] for i in kept),
            strata=tuple(self.strata[i] for i in kept),
            pairs=tuple(self.pairs[i] for i in kept),
        )

    def twins(self) -> np.ndarray:
        """Places of the vulnerable and the fixed twin of every complete pair (n_pairs × 2)."""
        sides: dict[str, dict[bool, int]] = {}
        for place, (pair, label) in enumerate(zip(self.pairs, self.is_vulnerable.tolist(), strict=True)):
            if pair is not None:
                sides.setdefault(pair, {})[label] = place
        complete = [(both[True], both[False]) for both in sides.values() if len(both) == 2]
        return np.array(complete, dtype=np.int64).reshape(-1, 2)

    def all_groups(self) -> Groups:
        """The groups of the items, in their order."""
        return Groups.from_labels(self.groups)

    def pair_groups(self) -> Groups:
        """The groups of the twins, in their order."""
        return Groups.from_labels([self.groups[place] for place in self.twins()[:, 0].tolist()])


def measure_auroc(scores: Floats, items: ScoreTable, bootstrap: Bootstrap, n_folds: int | None = None) -> Estimate:
    """Stratified AUROC of `scores`, NaN ones left out, with its interval by group.

    `n_folds`: the scores are those of rules fitted on the other of so many folds, whose error is wider.
    """
    scores, items = _measured(scores, items)
    groups = items.all_groups()
    statistic = auroc_statistic(scores, items.is_vulnerable, groups, items.strata)
    return estimate(statistic, groups, bootstrap, n_folds=n_folds)


def area_under(scores: Floats, items: ScoreTable) -> Number:
    """The value of `measure_auroc` alone."""
    scores, items = _measured(scores, items)
    return stratified_auroc(scores, items.is_vulnerable, items.all_groups(), items.strata)


def measure_difference(
    scores: Floats, others: Floats, items: ScoreTable, bootstrap: Bootstrap, n_folds: int | None = None
) -> tuple[Estimate, Number]:
    """AUROC of `scores` minus that of `others` on the items that both score, and what n could have shown.

    `n_folds` as in `measure_auroc`, where either is of rules that were fitted.
    """
    is_both = np.isfinite(scores) & np.isfinite(others)
    items = items.part(is_both)
    groups = items.all_groups()
    one, other = (
        auroc_statistic(each[is_both], items.is_vulnerable, groups, items.strata) for each in (scores, others)
    )
    found = estimate(one - other, groups, bootstrap, n_folds=n_folds)
    if isinstance(found.value, NotMeasured):
        return found, found.value
    sides = (
        len({group for group, label in zip(items.groups, items.is_vulnerable, strict=True) if label == side})
        for side in (True, False)
    )
    return found, detectable_auroc_difference(standard_error(one - other, groups, n_folds), *sides)


def measure_pair_rank(scores: Floats, items: ScoreTable, bootstrap: Bootstrap) -> Estimate:
    """Share of twins whose vulnerable side scores higher, ties 1/2, with its interval by group."""
    ranks, groups = _rank_twins(scores, items)
    if not len(ranks):
        return not_measured("no pairs")
    return estimate_mean(ranks, groups, bootstrap)


def pair_rank_p(scores: Floats, items: ScoreTable) -> Number:
    """P-value of pair-rank against 1/2 when twins are swapped, whole groups at a time."""
    ranks, groups = _rank_twins(scores, items)
    return swap_test(2 * ranks - 1, groups)


def pair_rank_change_p(scores: Floats, others: Floats, items: ScoreTable) -> Number:
    """P-value of the change of pair-rank from `others` to `scores` on the same twins, signs flipped by group."""
    is_both = np.isfinite(scores) & np.isfinite(others)
    kept = items.part(is_both)
    (one, groups), (other, _) = (_rank_twins(each[is_both], kept) for each in (scores, others))
    return swap_test(2 * (one - other), groups)


def best_of(scores: dict[str, Floats], items: ScoreTable) -> str:
    """The name whose scores have the highest stratified AUROC; the first of equals."""

    def area(name: str) -> float:
        value = area_under(scores[name], items)
        return -math.inf if isinstance(value, NotMeasured) else value

    return max(scores, key=area)


def rank_twins(scores: Floats, items: ScoreTable) -> Floats:
    """Of each pair: 1 where the vulnerable twin scores higher, 1/2 on a tie."""
    twins = items.twins()
    return pair_ranks(scores[twins[:, 0]], scores[twins[:, 1]])


def _rank_twins(scores: Floats, items: ScoreTable) -> tuple[Floats, Groups]:
    scores, items = _measured(scores, items)
    return rank_twins(scores, items), items.pair_groups()


def _measured(scores: Floats, items: ScoreTable) -> tuple[Floats, ScoreTable]:
    is_kept = np.isfinite(scores)
    return scores[is_kept], items.part(is_kept)
