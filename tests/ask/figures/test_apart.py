"""Slices are set apart where they differ, seldom where they do not."""

from __future__ import annotations

import numpy as np
import pytest
from tests.ask.builders import make_items, make_pairs

from vulnscope.ask.figures.apart import compare_with_rest, rank_items
from vulnscope.ask.figures.paired_scores import ScoreTable
from vulnscope.ask.figures.slices import measure
from vulnscope.records.base import NotMeasured
from vulnscope.report.apart import describe_by_language
from vulnscope.stats import Bootstrap, Groups, auroc_statistic

N_PAIRS = 120
CWES = ("CWE-22", "CWE-78", "CWE-125", "CWE-787")


def make_table(n_pairs: int = N_PAIRS) -> ScoreTable:
    samples = [
        sample.model_copy(update={"cwes": (CWES[place // 2 % 4],)}) for place, sample in enumerate(make_pairs(n_pairs))
    ]
    return ScoreTable.of(samples, {sample.id: sample.pair_id or "" for sample in samples})


ITEMS = make_table()
SLICES = [np.array([stratum[0] == (cwe,) for stratum in ITEMS.strata]) for cwe in CWES]  # type: ignore[index]


def draw_margins(generator: np.random.Generator, noise: float) -> np.ndarray:
    pair = np.repeat(generator.normal(size=N_PAIRS), 2)
    return np.asarray(pair + noise * generator.normal(size=2 * N_PAIRS))


def test_shares_of_comparisons_average_to_the_area() -> None:
    margins = np.round(draw_margins(np.random.default_rng(0), 1.0) + ITEMS.is_vulnerable, 1)
    statistic = auroc_statistic(margins, ITEMS.is_vulnerable, Groups.from_labels(ITEMS.groups), ITEMS.strata)
    assert np.isclose(rank_items(margins, ITEMS).mean(), statistic(np.ones((1, N_PAIRS)))[0])


def test_an_item_is_compared_with_other_groups_only_and_missing_scores_tie() -> None:
    items = make_table(4)
    assert np.isnan(rank_items(np.arange(8.0), items)).all()  # each CWE has one pair
    one = ScoreTable(items.is_vulnerable[:4], items.groups[:4], ("s",) * 4, items.pairs[:4])
    np.testing.assert_array_equal(rank_items(np.array([3.0, 2.0, 2.0, 1.0]), one), [1.0, 0.5, 0.5, 1.0])
    found = rank_items(np.array([3.0, 2.0, np.nan, 1.0]), one)
    np.testing.assert_array_equal(found, [1.0, 0.5, 0.5, 1.0])
    missing = np.array([3.0, np.nan, np.nan, np.nan, 1.0, 2.0])
    three = ScoreTable(items.is_vulnerable[:6], items.groups[:6], ("s",) * 6, items.pairs[:6])
    statistic = auroc_statistic(missing, three.is_vulnerable, Groups.from_labels(three.groups), three.strata)
    assert np.isclose(rank_items(missing, three).mean(), statistic(np.ones((1, 3)))[0])


@pytest.mark.parametrize("noise", [0.1, 1.0])
def test_slices_without_a_difference_are_seldom_set_apart(noise: float) -> None:
    n_false = 0
    for generator in np.random.default_rng(0).spawn(200):
        margins = draw_margins(generator, noise)
        found = compare_with_rest(margins, (margins > 0.5).astype(float), SLICES, ITEMS)
        n_false += min(float(p) for each in found for p in each) <= 0.05
    assert n_false <= 13


def test_a_slice_that_is_ranked_better_is_set_apart_by_its_area_alone() -> None:
    margins = draw_margins(np.random.default_rng(0), 0.5) + 3 * (ITEMS.is_vulnerable - 0.5) * SLICES[3]
    found = compare_with_rest(margins, (margins > 0).astype(float), SLICES, ITEMS)
    assert float(found[3].auroc) < 0.001
    assert min(float(each.yes_rate) for each in found) > 0.05


def test_slices_of_one_mind_each_are_set_apart() -> None:
    says = np.where(SLICES[0] | SLICES[1], 1.0, 0.0)
    found = compare_with_rest(np.zeros(2 * N_PAIRS), says, [SLICES[0] | SLICES[1], SLICES[2] | SLICES[3]], ITEMS)
    assert max(float(each.yes_rate) for each in found) < 0.001
    assert [each.auroc for each in found] == [1.0, 1.0]


def test_a_handful_of_groups_is_never_set_apart() -> None:
    few = np.array([place < 14 for place in range(2 * N_PAIRS)])
    (found,) = compare_with_rest(np.zeros(2 * N_PAIRS), few.astype(float), [few], ITEMS)
    assert found.yes_rate == NotMeasured(reason="too few groups (7, 8 needed)")


def test_answers_by_the_language_are_said_to_be() -> None:
    samples = [
        sample.model_copy(update={"language": "c" if place < 60 else "python"})
        for place, sample in enumerate(make_pairs(60))
    ]
    margins = [1.0 if sample.language == "c" and place >= 6 else -1.0 for place, sample in enumerate(samples)]
    found = measure(make_items(samples, margins), (), Bootstrap(n_draws=50))
    assert describe_by_language(found.overall, found.slices) == (
        "answers by the language: 90 % of C and 0 % of Python called vulnerable"
    )
    (c,) = (part for part in found.slices if part.value == "c")
    assert "90 % of C and 45 % of all" in str(describe_by_language(found.overall, [c]))
    same = measure(make_items(samples, [1.0, -1.0] * 60), (), Bootstrap(n_draws=50))
    assert describe_by_language(same.overall, same.slices) is None
