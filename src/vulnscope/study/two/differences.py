"""Two subjects on the same items: each figure of the diagnosis under both, and the paired difference between them.

Pure: answers, held-out scores and steered margins in, figures out. What was chosen on other groups (thresholds,
layers, scales) was chosen for each subject by itself, and is held fixed here; only among the figures does it widen
intervals that a threshold, or a probe, might have come out otherwise. p-values are corrected by the caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vulnscope.ask.figures.paired_scores import ScoreTable
from vulnscope.ask.figures.slices import measure_slice
from vulnscope.records.base import NotMeasured, not_measured
from vulnscope.stats import (
    N_FOLDS,
    Bootstrap,
    Floats,
    Groups,
    auroc_statistic,
    balanced_accuracy_statistic,
    correct,
    detectable_in_family,
    estimate,
    estimate_mean,
    is_impossible,
    mean_statistic,
    measure_change,
    name_correction,
    subtract,
    swap_test,
)
from vulnscope.study.thresholds import cut_on_others
from vulnscope.study.two.record import Difference, FigureDifference, InterventionDifference

if TYPE_CHECKING:
    from vulnscope.audit.again.comparison import Both
    from vulnscope.corpora import Corpus
    from vulnscope.records.base import Estimate
    from vulnscope.records.comparison import Change, ComparedSlice, Measure
    from vulnscope.records.probe import ProbeRecord
    from vulnscope.records.steer import Outcome, SteerRecord
    from vulnscope.stats import Statistic
    from vulnscope.study.two.record import Figure

UNSTEERED = "un-steered"
_ONE_CLASS = "one class only"


class SaidByOne(NamedTuple):
    """What one subject said of each item."""

    margins: Floats
    says: np.ndarray

    def share(self, says: str) -> Floats:
        """1 where it said so, 0 elsewhere."""
        flags: Floats = (self.says == says).astype(np.float64)
        return flags

    def is_right(self, items: ScoreTable) -> np.ndarray:
        """Whether the answer is the label; an unparsed one is not."""
        right: np.ndarray = np.where(items.is_vulnerable, self.says == "vulnerable", self.says == "fixed")
        return right


def compare_answers(both: Sequence[Both], overall: ComparedSlice, bootstrap: Bootstrap) -> tuple[FigureDifference, ...]:
    """What the two say; `overall` holds the changes over `both` that `run compare` measures."""
    firsts = [each.before for each in both]
    items = ScoreTable.of([item.sample for item in firsts], {item.sample.id: item.group for item in firsts})
    groups = Groups.from_labels(items.groups)
    told = [
        SaidByOne(np.array([own.row.margin for own in side]), np.array([own.row.says for own in side], dtype=object))
        for side in zip(*both, strict=True)
    ]
    slices = [measure_slice("all", "all", side, (), bootstrap) for side in zip(*both, strict=True)]
    changes = {change.measure: change for change in overall.changes}
    yes = [estimate_mean(each.share("vulnerable"), groups, bootstrap) for each in told]
    sides: list[tuple[Figure, Measure, list[Estimate]]] = [
        ("says", "auroc", [part.auroc for part in slices]),
        ("yes-rate", "yes-rate", yes),
        ("pair-correct", "pair-correct", [part.pair_correct for part in slices]),
        ("pair-rank", "pair-rank", [part.pair_rank for part in slices]),
    ]
    found = [
        FigureDifference(name=name, difference=_take(own, changes[measure]))
        for name, measure, own in sides
        if measure in changes
    ]
    as_is = [_accuracy(each.is_right(items), items, groups) for each in told]
    cut = [_cut_accuracy(each.margins, items, groups, bootstrap.seed) for each in told]
    return (
        *found,
        _figure("accuracy", as_is, groups, bootstrap),
        _figure("threshold-accuracy", cut, groups, bootstrap, n_folds=N_FOLDS),
        _figure("threshold-gain", _subtract(cut, as_is), groups, bootstrap, -1.0, n_folds=N_FOLDS),
    )


def compare_probes(
    first: ProbeRecord, second: ProbeRecord, corpus: Corpus, bootstrap: Bootstrap, *, n_folds: int = N_FOLDS
) -> tuple[tuple[FigureDifference, ...], int]:
    """What the two know, on the items read of both, and how many these are; fitted on the other of `n_folds` folds."""
    tables = [{each.sample: each for each in record.held_out} for record in (first, second)]
    names = [name for name in tables[0] if name in tables[1]]
    items = _describe(names, corpus)
    groups = Groups.from_labels(items.groups)

    def read(rule: str) -> list[Statistic]:
        return [_auroc(np.array([getattr(own[name], rule) for name in names]), items, groups) for own in tables]

    probe, baseline, logits = read("probe"), read("baseline"), read("logits")
    return (
        _figure("probe", probe, groups, bootstrap, n_folds=n_folds),
        _figure("baseline", baseline, groups, bootstrap, n_folds=n_folds),
        _figure("over-baseline", _subtract(probe, baseline), groups, bootstrap, -1.0, n_folds=n_folds),
        _figure("gap", _subtract(probe, logits), groups, bootstrap, -1.0, n_folds=n_folds),
    ), len(names)


def compare_interventions(
    first: SteerRecord, second: SteerRecord, corpus: Corpus, bootstrap: Bootstrap
) -> tuple[tuple[InterventionDifference, ...], int]:
    """The interventions tried on both, on the held-out items that report for both, and how many these are."""
    places = [{item.sample: place for place, item in enumerate(record.items)} for record in (first, second)]
    names = [name for name in places[0] if name in places[1]]
    items = _describe(names, corpus)
    kept = [[own[name] for name in names] for own in places]

    def take(margins: Sequence[Sequence[float]], says: Sequence[Sequence[str]]) -> list[SaidByOne]:
        return [
            SaidByOne(np.array(given)[own], np.array(said, dtype=object)[own])
            for given, said, own in zip(margins, says, kept, strict=True)
        ]

    records = (first, second)
    clean = take(
        [[item.margin for item in record.items] for record in records],
        [[item.says for item in record.items] for record in records],
    )
    rows = [_compare_steered(UNSTEERED, None, clean, items, bootstrap)]
    matches = {(each.name, each.kind): each for each in second.outcomes}
    for one in first.outcomes:
        if other := matches.get((one.name, one.kind)):
            steered = take((one.margins, other.margins), (one.says, other.says))
            rows.append(_compare_steered(one.name, (one, other), steered, items, bootstrap))
    return tuple(rows), len(names)


def correct_figures(rows: Sequence[FigureDifference]) -> tuple[FigureDifference, ...]:
    """The rows with p-values, and what could have been shown, corrected over all of them."""
    corrected = _correct([row.difference for row in rows])
    return tuple(row.model_copy(update={"difference": own}) for row, own in zip(rows, corrected, strict=True))


def correct_interventions(rows: Sequence[InterventionDifference]) -> tuple[InterventionDifference, ...]:
    """The rows with p-values, and what could have been shown, corrected over both figures of all of them."""
    corrected = _correct([own for row in rows for own in (row.pair_correct, row.auroc)])
    return tuple(
        row.model_copy(update={"pair_correct": pairs, "auroc": area})
        for row, pairs, area in zip(rows, corrected[::2], corrected[1::2], strict=True)
    )


def count_tests(differences: Sequence[Difference]) -> int:
    """How many of them were tested."""
    return sum(isinstance(each.p, float) for each in differences)


def name_tests(differences: Sequence[Difference]) -> str:
    """The correction of differences that are read together."""
    return name_correction(count_tests(differences), sum(is_impossible(each.p_corrected) for each in differences))


def _compare_steered(
    name: str,
    outcomes: tuple[Outcome, Outcome] | None,
    told: Sequence[SaidByOne],
    items: ScoreTable,
    bootstrap: Bootstrap,
) -> InterventionDifference:
    groups, twins = Groups.from_labels(items.groups), items.twins()
    right = [each.is_right(items)[twins].all(axis=1).astype(np.float64) for each in told]
    first, second = outcomes or (None, None)
    return InterventionDifference(
        name=name,
        kind=None if first is None else first.kind,
        what=(first.what if first else "", second.what if second else ""),
        effects=(first.effect if first else None, second.effect if second else None),
        pair_correct=_compare_shares(right, items.pair_groups(), bootstrap),
        auroc=_compare([_auroc(each.margins, items, groups) for each in told], groups, bootstrap),
    )


def _compare_shares(flags: Sequence[Floats], groups: Groups, bootstrap: Bootstrap) -> Difference:
    """Shares of the same pairs; the test is exact."""
    if not groups.n_items:
        missing = not_measured("no pairs")
        reason = NotMeasured(reason="no pairs")
        return Difference(
            first=missing, second=missing, change=missing, p=reason, p_corrected=reason, detectable=reason
        )
    first, second = (mean_statistic(own, groups) for own in flags)
    found = measure_change(first, second, groups)
    p = swap_test(flags[1] - flags[0], groups)
    return Difference(
        first=estimate_mean(flags[0], groups, bootstrap),
        second=estimate_mean(flags[1], groups, bootstrap),
        change=found.change,
        p=p,
        p_corrected=p,
        detectable=found.detectable,
    )


def _compare(
    pair: Sequence[Statistic],
    groups: Groups,
    bootstrap: Bootstrap,
    lowest: float = 0.0,
    n_folds: int | None = None,
) -> Difference:
    """Figures within [`lowest`, 1] that are no means."""
    one, other = pair
    found = measure_change(one, other, groups, n_folds=n_folds, undefined=_ONE_CLASS)
    return Difference(
        first=_estimate(one, groups, bootstrap, lowest, n_folds),
        second=_estimate(other, groups, bootstrap, lowest, n_folds),
        change=found.change,
        p=found.p,
        p_corrected=found.p,
        detectable=found.detectable,
    )


def _figure(
    name: Figure,
    pair: Sequence[Statistic],
    groups: Groups,
    bootstrap: Bootstrap,
    lowest: float = 0.0,
    n_folds: int | None = None,
) -> FigureDifference:
    return FigureDifference(name=name, difference=_compare(pair, groups, bootstrap, lowest, n_folds))


def _take(sides: Sequence[Estimate], change: Change) -> Difference:
    """A change that `run compare` has measured."""
    first, second = sides
    return Difference(
        first=first,
        second=second,
        change=change.change,
        p=change.p,
        p_corrected=change.p,
        detectable=change.detectable,
    )


def _correct(differences: Sequence[Difference]) -> list[Difference]:
    """p-values, and what could have been shown, as of tests that are read together."""
    corrected = correct([each.p for each in differences], [each.change.n_groups for each in differences])
    n_tests = count_tests(differences)
    return [
        each.model_copy(update={"p_corrected": p, "detectable": detectable_in_family(each.detectable, n_tests)})
        for each, p in zip(differences, corrected.p_values, strict=True)
    ]


def _describe(names: Sequence[str], corpus: Corpus) -> ScoreTable:
    samples = {sample.id: sample for sample in corpus.samples}
    return ScoreTable.of([samples[name] for name in names], dict(corpus.groups))


def _auroc(scores: Floats, items: ScoreTable, groups: Groups) -> Statistic:
    return auroc_statistic(scores, items.is_vulnerable, groups, items.strata)


def _accuracy(is_right: np.ndarray, items: ScoreTable, groups: Groups) -> Statistic:
    return balanced_accuracy_statistic(items.is_vulnerable, is_right, groups)


def _cut_accuracy(margins: Floats, items: ScoreTable, groups: Groups, seed: int) -> Statistic:
    found = cut_on_others(margins, items, seed=seed)
    if isinstance(found, NotMeasured):
        return lambda weights: np.full(len(weights), np.nan)
    return _accuracy(found.calls == items.is_vulnerable, items, groups)


def _subtract(figures: Sequence[Statistic], others: Sequence[Statistic]) -> list[Statistic]:
    """What each subject's figure has over another one of its own."""
    return [subtract(one, other) for one, other in zip(figures, others, strict=True)]


def _estimate(figure: Statistic, groups: Groups, bootstrap: Bootstrap, lowest: float, n_folds: int | None) -> Estimate:
    return estimate(figure, groups, bootstrap, low=lowest, high=1.0, n_folds=n_folds, undefined=_ONE_CLASS)
