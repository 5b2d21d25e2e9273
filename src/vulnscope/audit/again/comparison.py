"""Two runs on the same items: what changed, and whether that is more than chance (MEASURES, "Groups and intervals").

Every test flips the two runs by group. Counts (right or not, ranked or not) are flipped exactly; where every group is
one pair, that of pair-correct is McNemar's. AUROC is no mean over items: its pseudo-values are flipped. p-values are
corrected over the slices of one kind, measure by measure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vulnscope.ask.figures.slices import (
    JudgedSample,
    Twins,
    divide_items,
    group_items,
    group_pairs,
    pair_up,
    strata_of,
)
from vulnscope.records.base import NotMeasured, Number
from vulnscope.records.comparison import Change, ComparedItem, ComparedSlice
from vulnscope.stats import (
    Bootstrap,
    Floats,
    Groups,
    auroc_statistic,
    correct,
    detectable_change,
    estimate,
    mcnemar,
    mean_statistic,
    measure_change,
    name_correction,
    pair_ranks,
    sign_flip_test,
    swap_test,
)

if TYPE_CHECKING:
    from vulnscope.records.comparison import Measure

_FLIP = "sign flip by group"
_EXACT = "exact sign flip by group"


class Both(NamedTuple):
    """One sample as both runs answered it."""

    before: JudgedSample
    after: JudgedSample

    @property
    def is_flipped(self) -> bool:
        """Whether the answers differ."""
        return self.before.row.says != self.after.row.says

    @property
    def gain(self) -> int:
        """1 where only the second is right, -1 where only the first is."""
        return int(self.after.is_right) - int(self.before.is_right)

    @property
    def margin_change(self) -> float:
        """Second minus first."""
        return self.after.row.margin - self.before.row.margin


class Compared(NamedTuple):
    """All changes: over everything, and by part with corrected p-values, largest change first."""

    overall: ComparedSlice
    slices: tuple[ComparedSlice, ...]


def match_items(before: Sequence[JudgedSample], after: Sequence[JudgedSample]) -> list[Both]:
    """Samples that both runs answered, in the order of the first."""
    second = {item.sample.id: item for item in after}
    return [Both(item, second[item.sample.id]) for item in before if item.sample.id in second]


def compare_items(both: Sequence[Both], bootstrap: Bootstrap, *, is_one_unit: bool = True) -> Compared:
    """Every change over `both`, which may not be empty. Margins are compared only where they are `is_one_unit`."""
    by_id = {each.before.sample.id: each for each in both}
    families: dict[str, list[ComparedSlice]] = {}
    for kind, value, items in divide_items([each.before for each in both]):
        part = [by_id[item.sample.id] for item in items]
        families.setdefault(kind, []).append(_compare_slice(kind, value, part, bootstrap, is_one_unit))
    slices = [part for family in families.values() for part in sorted(_correct(family), key=_by_size, reverse=True)]
    (overall,) = _correct([_compare_slice("all", "all", both, bootstrap, is_one_unit)])
    return Compared(overall, tuple(slices))


def list_items(both: Sequence[Both], n_with_code: int) -> tuple[ComparedItem, ...]:
    """All items, flipped ones first, then by change of margin; the first `n_with_code` with their code."""
    ordered = sorted(both, key=lambda each: (not each.is_flipped, -abs(each.margin_change)))
    return tuple(
        ComparedItem(
            sample=before.sample.id,
            pair=before.sample.pair_id or "",
            cwe=" ".join(before.sample.cwes),
            language=before.sample.language,
            label="vulnerable" if before.is_vulnerable else "fixed",
            says=(before.row.says, after.row.says),
            margins=(before.row.margin, after.row.margin),
            code=before.sample.code if place < n_with_code else None,
        )
        for place, (before, after) in enumerate(ordered)
    )


def _compare_slice(
    kind: str, value: str, both: Sequence[Both], bootstrap: Bootstrap, is_one_unit: bool
) -> ComparedSlice:
    groups = group_items([each.before for each in both])
    pairs = list(zip(pair_up([each.before for each in both]), pair_up([each.after for each in both]), strict=True))
    pair_groups = group_pairs([first for first, _ in pairs])
    changes = [_change_of_flags("accuracy", both, lambda item: item.is_right, groups, bootstrap)]
    if pairs:
        changes += [_pair_correct(pairs, pair_groups, bootstrap), _pair_rank(pairs, pair_groups, bootstrap)]
    changes += [
        _auroc(both, groups),
        _change_of_flags("yes-rate", both, lambda item: item.row.says == "vulnerable", groups, bootstrap),
        _change_of_flags("unparsed", both, lambda item: item.row.says == "unparsed", groups, bootstrap),
    ]
    if is_one_unit:
        changes.append(_margin(both, groups, bootstrap))
    return ComparedSlice(
        kind=kind,
        value=value,
        n_items=len(both),
        n_pairs=len(pairs),
        n_groups=groups.n_groups,
        n_flipped=sum(each.is_flipped for each in both),
        n_gained=sum(each.gain == 1 for each in both),
        n_lost=sum(each.gain == -1 for each in both),
        changes=tuple(changes),
        correction="none",
    )


def _change_of_flags(
    measure: Measure, both: Sequence[Both], flag: Callable[[JudgedSample], bool], groups: Groups, bootstrap: Bootstrap
) -> Change:
    values = np.array([[flag(item) for item in each] for each in both], dtype=float)
    return _change(measure, values, groups, bootstrap, swap_test(values[:, 1] - values[:, 0], groups), _EXACT)


def _pair_correct(pairs: Sequence[tuple[Twins, Twins]], groups: Groups, bootstrap: Bootstrap) -> Change:
    values = np.array([[each.is_right for each in twins] for twins in pairs], dtype=float)
    differences = values[:, 1] - values[:, 0]
    if groups.n_groups == len(pairs):
        p, test = mcnemar(int((differences < 0).sum()), int((differences > 0).sum())), "McNemar, exact"
    else:
        p, test = swap_test(differences, groups), _EXACT
    return _change("pair-correct", values, groups, bootstrap, p, test)


def _pair_rank(pairs: Sequence[tuple[Twins, Twins]], groups: Groups, bootstrap: Bootstrap) -> Change:
    ranks = [
        pair_ranks([a.row.rank_score for a, _ in side], [b.row.rank_score for _, b in side])
        for side in zip(*pairs, strict=True)
    ]
    values = np.stack(ranks, axis=1)
    # Ranks are halves, the exact test takes whole numbers.
    p = swap_test(2 * (values[:, 1] - values[:, 0]), groups)
    return _change("pair-rank", values, groups, bootstrap, p, _EXACT)


def _margin(both: Sequence[Both], groups: Groups, bootstrap: Bootstrap) -> Change:
    values = np.array([[item.row.margin for item in each] for each in both])
    p = sign_flip_test(values[:, 1] - values[:, 0], groups, seed=bootstrap.seed)
    return _change("margin", values, groups, bootstrap, p, _FLIP)


def _change(measure: Measure, values: Floats, groups: Groups, bootstrap: Bootstrap, p: Number, test: str) -> Change:
    """`values` is units × (before, after); all but margins lie within [0, 1]."""
    differences = values[:, 1] - values[:, 0]
    before, after = values.mean(axis=0).tolist()
    low, high = (None, None) if measure == "margin" else (-1.0, 1.0)
    change = estimate(mean_statistic(differences, groups), groups, bootstrap, low=low, high=high)
    return Change(
        measure=measure,
        before=before,
        after=after,
        change=change,
        p=p,
        p_corrected=p,
        test=test,
        detectable=detectable_change(differences, groups),
    )


def _auroc(both: Sequence[Both], groups: Groups) -> Change:
    truth = [each.before.is_vulnerable for each in both]
    strata = strata_of([each.before for each in both])
    margins = [[each[side].row.rank_score for each in both] for side in (0, 1)]
    first, second = (auroc_statistic(scores, truth, groups, strata) for scores in margins)
    found = measure_change(first, second, groups)
    return Change(
        measure="auroc",
        before=first.value,
        after=second.value,
        change=found.change,
        p=found.p,
        p_corrected=found.p,
        test=f"{_FLIP} of pseudo-values",
        detectable=found.detectable,
    )


def _correct(family: Sequence[ComparedSlice]) -> list[ComparedSlice]:
    """The slices of one kind, each measure's p-values corrected over all slices where it could be tested."""
    corrected: dict[tuple[int, str], Number] = {}
    sizes: list[int] = []
    n_impossible = 0
    for measure in dict.fromkeys(change.measure for part in family for change in part.changes):
        found = {
            place: change for place, part in enumerate(family) for change in part.changes if change.measure == measure
        }
        sizes.append(sum(not isinstance(change.p, NotMeasured) for change in found.values()))
        adjusted = correct(
            [change.p for change in found.values()], [change.change.n_groups for change in found.values()]
        )
        n_impossible = max(n_impossible, adjusted.n_impossible)
        corrected.update({(place, measure): p for place, p in zip(found, adjusted.p_values, strict=True)})
    tested = [size for size in sizes if size]
    largest = max(tested, default=0)
    label = name_correction(largest, n_impossible, is_most=min(tested, default=0) < largest)
    return [
        part.model_copy(
            update={
                "correction": label,
                "changes": tuple(
                    change.model_copy(update={"p_corrected": corrected[place, change.measure]})
                    for change in part.changes
                ),
            }
        )
        for place, part in enumerate(family)
    ]


def _by_size(part: ComparedSlice) -> tuple[float, float]:
    """How much changed: accuracy first, then the margin."""
    size = {
        change.measure: abs(change.change.value)
        for change in part.changes
        if not isinstance(change.change.value, NotMeasured)
    }
    return size.get("accuracy", 0.0), size.get("margin", 0.0)
