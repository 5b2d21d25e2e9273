from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ask.builders import make_items, make_pairs, make_row, make_sample

from vulnscope.ask.figures.baselines import ALWAYS_YES, NGRAMS, BaselineScores
from vulnscope.ask.figures.slices import JudgedSample, correct_slices, measure, measure_slice, pair_up
from vulnscope.corpora.samples import Augmentation
from vulnscope.records.audit import Slice
from vulnscope.records.base import NotMeasured
from vulnscope.records.rows import Truncation
from vulnscope.stats import Bootstrap, holm

SETTINGS = Bootstrap(n_draws=300)


def overall(items: list[JudgedSample], *baselines: BaselineScores) -> Slice:
    return measure_slice("all", "all", items, baselines, SETTINGS)


def test_a_model_that_always_says_yes() -> None:
    items = make_items(make_pairs(40), [1.0] * 80)
    found = overall(items)
    assert (found.n_samples, found.n_pairs, found.n_groups) == (80, 40, 40)
    assert found.yes_rate.value == 1.0
    assert found.yes_rate.method == "wilson"
    assert found.accuracy.value == 0.5
    assert found.auroc.value == 0.5
    assert found.d_a == 0.0
    assert found.pair_rank.value == 0.5
    assert found.pair_correct.value == 0.0
    assert found.pair_correct_chance == 0.0
    assert found.pair_rank_p == found.pair_correct_p == 1.0
    assert isinstance(found.d_prime, NotMeasured)
    assert found.pair_cells is not None
    assert found.pair_cells.both_vulnerable == 1.0
    assert found.acquiescence_mean == 1.0
    assert found.label_mass_mean == 0.5


def test_a_model_that_is_right_everywhere() -> None:
    generator = np.random.default_rng(0)
    margins = [sign * value for value in generator.uniform(0.5, 2, size=40) for sign in (1, -1)]
    found = overall(make_items(make_pairs(40), margins))
    assert found.accuracy.value == found.auroc.value == found.pair_rank.value == found.pair_correct.value == 1.0
    assert found.pair_correct_chance == 0.25
    assert found.pair_correct_p == pytest.approx(2.0**-39)
    assert found.d_a == NotMeasured(reason="AUROC is exactly 1: the distance has no bound")
    assert (found.auroc.method, found.auroc.high) == ("wilson", 1.0)
    assert found.pair_correct.low == pytest.approx(1 / (1 + 1.959964**2 / 40))


def test_bias_hides_sensitivity_from_the_answers_but_not_from_the_margins() -> None:
    generator = np.random.default_rng(1)
    margins = [5 + pair + twin for pair in generator.normal(size=60) for twin in (0.3, -0.3) if True]
    found = overall(make_items(make_pairs(60), margins))
    assert found.yes_rate.value == 1.0
    assert found.pair_correct.value == 0.0
    assert found.pair_rank.value == 1.0
    assert isinstance(found.d_prime, NotMeasured)
    assert isinstance(found.auroc.value, float)
    assert 0.5 < found.auroc.value < 0.8
    assert isinstance(found.auroc.low, float)
    assert found.auroc.low <= found.auroc.value


def test_unparsed_answers_count_as_wrong_and_as_neither_yes_nor_no() -> None:
    items = make_items(
        make_pairs(3),
        [1.0, -1.0, 2.0, -2.0, 3.0, -3.0],
        ["vulnerable", "unparsed", "vulnerable", "fixed", "fixed", "fixed"],
    )
    found = overall(items)
    # One denominator for all: what is no answer is still asked.
    assert found.yes_rate.value == pytest.approx(2 / 6)
    assert found.yes_rate.n == found.accuracy.n == found.unparsed_rate.n == 6
    assert found.unparsed_rate.value == pytest.approx(1 / 6)
    assert found.accuracy.value == pytest.approx(4 / 6)
    assert found.pair_cells is not None
    assert found.pair_cells.unparsed == pytest.approx(1 / 3)
    assert found.pair_correct_chance == pytest.approx(2 / 6 * 3 / 6)


def test_where_nothing_is_parsed_nothing_says_vulnerable() -> None:
    found = overall(make_items(make_pairs(3), [0.0] * 6, ["unparsed"] * 6))
    assert (found.yes_rate.value, found.yes_rate.low) == (0.0, 0.0)
    assert isinstance(found.hit_rate, NotMeasured)
    assert found.unparsed_rate.value == 1.0


def test_samples_without_twins_have_no_pair_figures() -> None:
    samples = [make_sample(n, label, pair_id=None) for n in range(5) for label in ("vulnerable", "fixed")]
    found = overall(make_items(samples, list(range(10))))
    for value in (found.pair_rank.value, found.pair_correct.value, found.pair_rank_p, found.pair_correct_chance):
        assert value == NotMeasured(reason="no pairs")
    assert found.pair_cells is None


def test_one_side_alone_has_no_auroc() -> None:
    samples = [make_sample(n, "vulnerable", pair_id=None) for n in range(4)]
    found = overall(make_items(samples, [1.0] * 4))
    assert found.auroc.value == NotMeasured(reason="no stratum holds vulnerable and fixed samples of different groups")
    assert found.d_a == found.auroc.value


@settings(max_examples=25)
@given(st.permutations(range(12)))
def test_figures_do_not_depend_on_the_order_of_samples(order: list[int]) -> None:
    margins = [0.5, -1.0, 2.0, 2.0, -0.3, 0.1, 0.0, 0.7, 1.0, -1.0, 3.0, 2.5]
    items = make_items(make_pairs(6), margins)
    one, other = overall(items), overall([items[place] for place in order])
    assert other.model_dump(exclude={"acquiescence_mean"}) == one.model_dump(exclude={"acquiescence_mean"})


def test_a_wider_group_gives_a_wider_interval() -> None:
    generator = np.random.default_rng(2)
    margins = [level + side for level in np.repeat(generator.normal(size=40), 5) for side in (0.2, -0.1)]
    items = make_items(make_pairs(200), [float(margin) for margin in margins])
    coarse = [item._replace(group=str(item.place // 10)) for item in items]
    fine, wide = overall(items).yes_rate, overall(coarse).yes_rate
    assert (fine.n_groups, wide.n_groups) == (200, 40)
    assert float(wide.high) - float(wide.low) > 1.5 * (float(fine.high) - float(fine.low))


def test_slices_divide_by_every_kind_that_differs() -> None:
    samples = [
        *make_pairs(2, cwes=("CWE-787", "CWE-119"), difficulty="plain", part="one"),
        *[
            make_sample(n, label, cwes=("CWE-22",), language="python", part="two", split="val")
            for n in (5, 6)
            for label in ("vulnerable", "fixed")
        ],
    ]
    samples[0] = samples[0].model_copy(update={"augmentation": Augmentation(kind="rename")})
    items = make_items(samples, [1.0] * 8)
    cut = Truncation(kind="changed-window", first_line=1, last_line=2, n_lines=9)
    items[7] = items[7]._replace(row=make_row(samples[7], 1.0, cut=cut))
    found = measure(items, (), SETTINGS)
    assert [(part.kind, part.value, part.n_samples) for part in found.slices] == [
        ("part", "one", 4),
        ("part", "two", 4),
        ("cwe", "CWE-22", 4),
        ("cwe", "CWE-119", 4),
        ("cwe", "CWE-787", 4),
        ("language", "c", 4),
        ("language", "python", 4),
        ("difficulty", "none", 4),
        ("difficulty", "plain", 4),
        ("augmentation", "none", 7),
        ("augmentation", "rename", 1),
        ("split", "none", 4),
        ("split", "val", 4),
        ("cut", "cut: changed-window (oracle)", 1),
        ("cut", "whole", 7),
    ]


def test_a_corpus_of_one_kind_has_no_slices() -> None:
    assert measure(make_items(make_pairs(3), [1.0] * 6), (), SETTINGS).slices == ()


def test_p_values_are_corrected_over_the_slices_of_one_kind() -> None:
    samples = [
        *make_pairs(8),
        *[make_sample(n, label, cwes=("CWE-22",)) for n in range(20, 28) for label in ("vulnerable", "fixed")],
    ]
    margins = [1.0, -1.0] * 8 + [1.0, -1.0] * 7 + [-1.0, 1.0]
    found = measure(make_items(samples, margins), (), SETTINGS)
    raw = [float(part.pair_rank_p) for part in found.slices]
    assert raw == pytest.approx([18 / 256, 2 / 256])
    assert [part.pair_rank_p_corrected for part in found.slices] == pytest.approx(holm(raw))
    assert {part.correction for part in found.slices} == {"Holm over 2"}
    assert found.overall.correction == "none"
    assert found.overall.pair_rank_p_corrected == found.overall.pair_rank_p


def test_slices_without_pairs_do_not_weigh_on_the_correction() -> None:
    alone = measure_slice("cwe", "a", make_items([make_sample(1, "fixed", pair_id=None)], [1.0]), (), SETTINGS)
    paired = measure_slice("cwe", "b", make_items(make_pairs(8), [1.0, -1.0] * 8), (), SETTINGS)
    _, corrected = correct_slices([alone, paired])
    assert corrected.pair_rank_p_corrected == paired.pair_rank_p
    assert corrected.correction == "none"


def test_baselines_are_measured_on_the_same_items() -> None:
    items = make_items(make_pairs(40), [0.0] * 80)
    perfect = np.array([1.0, -1.0] * 40)
    found = overall(
        items,
        BaselineScores(ALWAYS_YES, None, np.zeros(80), np.ones(80, dtype=bool)),
        BaselineScores(NGRAMS, "train", perfect, perfect > 0),
        BaselineScores("length", "train", None, None, "too few"),
    )
    always, ngrams, untrained = found.baselines
    assert (always.auroc.value, always.auroc.low, always.auroc.method) == (0.5, 0.5, "by definition")
    assert (always.pair_rank.value, always.pair_correct) == (0.5, 0.0)
    assert (ngrams.auroc.value, ngrams.pair_rank.value, ngrams.pair_correct) == (1.0, 1.0, 1.0)
    assert untrained.auroc.value == untrained.pair_correct == NotMeasured(reason="too few")
    part = measure_slice("cwe", "x", items[10:20], (BaselineScores(NGRAMS, "t", perfect, perfect > 0),), SETTINGS)
    assert part.baselines[0].pair_correct == 1.0


def test_pair_up_needs_both_twins() -> None:
    items = make_items(make_pairs(3), [0.0] * 6)
    assert [twins.vulnerable.sample.pair_id for twins in pair_up([*items[3:], items[0]])] == ["p002"]
