"""Margins with the size of the code taken out: nothing is left of a rule about size, all of an honest answer."""

from __future__ import annotations

import numpy as np
import pytest
from tests.ask.builders import make_pairs

from vulnscope.ask.figures.paired_scores import ScoreTable
from vulnscope.stats import Groups, auroc_statistic
from vulnscope.study.surface import measure_given_surface, measure_sizes


def make_items(n_pairs: int) -> ScoreTable:
    samples = make_pairs(n_pairs)
    return ScoreTable.of(samples, {sample.id: sample.pair_id or "" for sample in samples})


def draw_sizes(items: ScoreTable, shorter: float, generator: np.random.Generator) -> np.ndarray:
    """Logarithms of characters and lines; the vulnerable twin is `shorter`."""
    n = len(items)
    size = np.repeat(generator.normal(size=n // 2), 2) + 0.3 * generator.normal(size=n) - shorter * items.is_vulnerable
    return np.column_stack([size, size + 0.1 * generator.normal(size=n)])


def test_sizes_are_logarithms_of_characters_lines_and_words() -> None:
    (sample,) = make_pairs(1)[:1]
    code = "a b\nc\n"
    np.testing.assert_allclose(measure_sizes([sample.model_copy(update={"code": code})]), np.log([[7, 4, 4]]))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_rule_about_size_is_at_chance_without_size(sign: float) -> None:
    generator, items = np.random.default_rng(0), make_items(300)
    sizes = draw_sizes(items, 0.5, generator)
    margins = -sign * (3 * sizes[:, 0] + sizes[:, 0] ** 2) + 0.2 * generator.normal(size=600)
    found = measure_given_surface(margins, sizes, items)
    assert float(found.low) < 0.5 < float(found.high)


def test_an_honest_answer_keeps_what_it_knows_though_flaws_go_with_size() -> None:
    generator, items = np.random.default_rng(0), make_items(300)
    sizes = draw_sizes(items, 0.5, generator)
    margins = 2.0 * items.is_vulnerable + generator.normal(size=600)
    found = measure_given_surface(margins, sizes, items)
    assert abs(float(found.value) - 0.92) < 0.03
    assert float(found.low) > 0.85


def test_the_interval_holds_what_slopes_do_not_know() -> None:
    """Of 60 draws of a rule about size, few are told to know more; with slopes held fixed, half were."""
    items, told = make_items(100), 0
    for generator in np.random.default_rng(1).spawn(60):
        sizes = draw_sizes(items, 0.8, generator)
        margins = -3 * sizes[:, 0] + 0.5 * generator.normal(size=200)
        found = measure_given_surface(margins, sizes, items)
        told += float(found.low) > 0.5 or float(found.high) < 0.5
    assert told <= 6


def test_without_twins_samples_are_held_against_their_stratum() -> None:
    generator = np.random.default_rng(0)
    samples = [each.model_copy(update={"pair_id": None}) for each in make_pairs(200)]
    items = ScoreTable.of(samples, {sample.id: sample.id for sample in samples})
    size = generator.normal(size=400) - items.is_vulnerable
    found = measure_given_surface(-size + 0.3 * generator.normal(size=400), size[:, None], items)
    assert float(found.low) < 0.5 < float(found.high)


def test_sizes_that_do_not_differ_take_nothing_out() -> None:
    items = make_items(40)
    margins = np.where(items.is_vulnerable, 1.0, 0.0) + np.random.default_rng(0).normal(size=80)
    found = measure_given_surface(margins, np.ones((80, 2)), items)
    groups = Groups.from_labels(items.groups)
    statistic = auroc_statistic(margins, items.is_vulnerable, groups, items.strata)
    assert found.value == pytest.approx(statistic(np.ones((1, groups.n_groups)))[0], abs=1e-8)


def test_no_samples_have_no_figure() -> None:
    nothing = make_items(0)
    found = measure_given_surface(np.empty(0), np.empty((0, 3)), nothing)
    assert not isinstance(found.value, float)
