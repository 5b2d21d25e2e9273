from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import binomtest
from tests.ask.builders import make_items, make_pairs

from vulnscope.ask.figures.slices import JudgedSample
from vulnscope.audit.again.comparison import Compared, compare_items, list_items, match_items
from vulnscope.audit.again.offline import write_sentence
from vulnscope.records.base import NotMeasured
from vulnscope.records.comparison import Change, ComparedSlice
from vulnscope.stats import Bootstrap, holm

BOOTSTRAP = Bootstrap(n_draws=400)


def draw_runs(n_pairs: int = 60, gain: float = 0.0, seed: int = 0) -> tuple[list[JudgedSample], list[JudgedSample]]:
    """Two models on the same twins; `gain` lifts the second on vulnerable code of CWE-89 alone."""
    generator = np.random.default_rng(seed)
    samples = [
        sample.model_copy(update={"cwes": ("CWE-89" if place % 4 < 2 else "CWE-787",)})
        for place, sample in enumerate(make_pairs(n_pairs))
    ]
    shared = generator.normal(size=len(samples))
    runs = []
    for lift in (0.0, gain):
        noise = 0.5 * generator.normal(size=len(samples))
        runs.append(
            make_items(
                samples,
                [
                    float(shared[i] + noise[i] + lift * (s.label == "vulnerable" and s.cwes == ("CWE-89",)))
                    for i, s in enumerate(samples)
                ],
            )
        )
    return runs[0], runs[1]


def compare(before: list[JudgedSample], after: list[JudgedSample]) -> Compared:
    return compare_items(match_items(before, after), BOOTSTRAP)


def change(part: ComparedSlice, measure: str) -> Change:
    return next(each for each in part.changes if each.measure == measure)


def test_figures_are_those_of_both_runs() -> None:
    before, after = draw_runs(gain=1.0)
    overall = compare(before, after).overall
    accuracy = change(overall, "accuracy")
    rights = [[item.row.says == item.sample.label for item in run] for run in (before, after)]
    assert accuracy.before == pytest.approx(np.mean(rights[0]))
    assert accuracy.after == pytest.approx(np.mean(rights[1]))
    assert float(accuracy.change.value) == pytest.approx(np.mean(rights[1]) - np.mean(rights[0]))  # type: ignore[arg-type]
    assert overall.n_gained - overall.n_lost == sum(rights[1]) - sum(rights[0])
    assert overall.n_flipped == overall.n_gained + overall.n_lost
    margin = change(overall, "margin")
    assert float(margin.change.low) < float(margin.change.value) < float(margin.change.high)  # type: ignore[arg-type]
    one_stratum = [item for item in before if item.sample.cwes == ("CWE-89",)]
    ranked = next(part for part in compare(before, after).slices if part.value == "CWE-89")
    wins = [
        float(one.row.margin > other.row.margin)
        for one, other in product(one_stratum, one_stratum)
        if one.is_vulnerable and not other.is_vulnerable and one.group != other.group
    ]
    assert change(ranked, "auroc").before == pytest.approx(np.mean(wins))


def test_pairs_are_tested_by_mcnemar_where_each_is_a_group() -> None:
    before, after = draw_runs(gain=1.0)
    test = change(compare(before, after).overall, "pair-correct")
    flags = [
        [a.row.says == "vulnerable" and b.row.says == "fixed" for a, b in zip(run[::2], run[1::2], strict=True)]
        for run in (before, after)
    ]
    gained = sum(b and not a for a, b in zip(*flags, strict=True))
    lost = sum(a and not b for a, b in zip(*flags, strict=True))
    assert test.test == "McNemar, exact"
    assert test.p == pytest.approx(binomtest(gained, gained + lost).pvalue)
    grouped = [item._replace(group=f"g{item.place // 4}") for item in before]
    assert change(compare(grouped, after).overall, "pair-correct").test == "exact sign flip by group"


def test_slices_are_corrected_and_the_largest_change_comes_first() -> None:
    before, after = draw_runs(gain=1.5)
    slices = compare(before, after).slices
    assert [part.value for part in slices] == ["CWE-89", "CWE-787"]
    assert {part.correction for part in slices} == {"Holm over 2"}
    p_values = [float(change(part, "accuracy").p) for part in slices]  # type: ignore[arg-type]
    corrected = [float(change(part, "accuracy").p_corrected) for part in slices]  # type: ignore[arg-type]
    assert corrected == pytest.approx(holm(p_values))
    assert corrected[0] < 0.05 < corrected[1]


def test_a_correction_counts_the_slices_that_could_be_tested() -> None:
    runs = draw_runs(gain=1.5)
    # A third weakness with fixed samples only: accuracy is tested in three slices, AUROC in two.
    alone = [[item for item in run if not item.is_vulnerable][:5] for run in runs]
    lonely = [
        [
            item._replace(
                sample=item.sample.model_copy(update={"id": f"x{n}", "cwes": ("CWE-22",), "pair_id": None}),
                group=f"x{n}",
                place=len(runs[0]) + n,
            )
            for n, item in enumerate(part)
        ]
        for part in alone
    ]
    slices = compare(*(run + part for run, part in zip(runs, lonely, strict=True))).slices
    # Five groups give no p below 2^-4, and .05 / 3 is asked for.
    assert {part.correction for part in slices} == {"Holm over 3 at most, 1 of which cannot be found here"}
    tested = [change(part, "auroc") for part in slices if part.value != "CWE-22"]
    p_values = [float(each.p) for each in tested]  # type: ignore[arg-type]
    assert [float(each.p_corrected) for each in tested] == pytest.approx(holm(p_values))  # type: ignore[arg-type]


def test_without_a_change_the_detectable_one_is_told() -> None:
    before, after = draw_runs()
    accuracy = change(compare(before, after).overall, "accuracy")
    assert float(accuracy.p) > 0.05  # type: ignore[arg-type]
    assert 0.05 < float(accuracy.detectable) < 0.25  # type: ignore[arg-type]
    same = compare(before, before).overall
    assert same.n_flipped == 0
    for each in same.changes:
        assert each.p == 1.0
        assert each.change.value == 0
        assert isinstance(each.detectable, NotMeasured)


def test_flipped_items_come_first_then_moved_ones() -> None:
    before, after = draw_runs(gain=0.5)
    both = match_items(before, after)
    items = list_items(both, n_with_code=3)
    flipped = [item.says[0] != item.says[1] for item in items]
    assert flipped == sorted(flipped, reverse=True)
    assert 0 < sum(flipped) < len(items) == 120
    moves = [abs(item.margins[1] - item.margins[0]) for item in items[sum(flipped) :]]
    assert moves == sorted(moves, reverse=True)
    assert [item.code is not None for item in items[:4]] == [True, True, True, False]


def test_only_common_items_are_compared() -> None:
    before, after = draw_runs(20)
    both = match_items(before, after[4:])
    assert [each.before.sample.id for each in both] == [item.sample.id for item in before[4:]]


def test_margins_of_other_units_are_not_subtracted() -> None:
    before, after = draw_runs(20)
    found = compare_items(match_items(before, after), BOOTSTRAP, is_one_unit=False)
    assert "margin" not in {each.measure for each in found.overall.changes}


def test_answers_that_became_clear_stand_beside_the_accuracy_they_win() -> None:
    _, after = draw_runs()
    silent = [item._replace(row=item.row.model_copy(update={"says": "unparsed"})) for item in after]
    both = match_items(silent, after)
    assert "; no clear answer −100.0 points [" in write_sentence(compare_items(both, BOOTSTRAP), both)
    alike = match_items(after, after)
    assert "no clear answer" not in write_sentence(compare_items(alike, BOOTSTRAP), alike)
