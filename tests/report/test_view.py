from __future__ import annotations

import pytest
from tests.report.records import estimate, make_record

from vulnscope.records.audit import Baseline, CorpusInfo
from vulnscope.records.base import not_measured
from vulnscope.records.rows import Truncation
from vulnscope.report import view


def test_tiles_name_what_to_hold_against_each_figure() -> None:
    tiles = {tile.term: tile for tile in view.list_tiles(make_record())}
    assert tiles["pair-correct"].note == "chance at its yes-rate 14 %; p < 0.001"
    assert tiles["pair-rank"].note == "guessing gives 50 %; p = 0.012"
    assert tiles["baseline"].label == "Best baseline: length"
    assert tiles["yes-rate"].reference is None


def test_the_best_baseline_is_the_first_of_the_highest_measured() -> None:
    def baseline(name: str, auroc: float | None) -> Baseline:
        figure = not_measured("no training split") if auroc is None else estimate(auroc, 30)
        return Baseline(name=name, auroc=figure, pair_rank=figure, pair_correct=0.0)

    baselines = [baseline("a", None), baseline("b", 0.5), baseline("c", 0.6), baseline("d", 0.6)]
    best = view.find_best_baseline(baselines)
    assert best is not None
    assert best.name == "c"
    assert view.find_best_baseline(baselines[:1]) is None


def test_groups_come_in_a_fixed_order_whatever_the_order_of_slices() -> None:
    record = make_record()
    shuffled = record.model_copy(update={"slices": record.slices[::-1]})
    assert [group.title for group in view.group_slices(shuffled)] == ["All", "By CWE", "By language", "By difficulty"]


def test_outcomes_sum_to_all_pairs() -> None:
    cells = view.list_cells(make_record().overall.pair_cells)
    assert sum(cell.share for cell in cells) == pytest.approx(1)
    assert view.list_cells(None) == ()


def test_equal_reasons_share_a_footnote() -> None:
    notes = view.Footnotes()
    assert [notes.mark(reason) for reason in ("a", "b", "a")] == [1, 2, 1]
    assert notes.reasons == ["a", "b"]
    assert [notes.mark(f"of {n} groups, 30 needed") for n in (23, 3)] == [3, 3]
    assert notes.reasons == ["a", "b", "of 3–23 groups, 30 needed"]


def test_a_cut_is_said_in_words() -> None:
    cut = Truncation(kind="changed-window", first_line=12, last_line=60, n_lines=412)
    assert view.describe_cut(cut) == "over-long: the model saw lines 12–60 of 412, cut around the change"


@pytest.mark.parametrize(("name", "expected"), [("synthetic", True), ("synthetic:train", True), ("sven", False)])
def test_synthetic_corpora_are_known(name: str, expected: bool) -> None:
    corpus: CorpusInfo = make_record(4).corpus.model_copy(update={"name": name})
    assert view.is_synthetic(corpus) is expected


def test_many_points_are_thinned_evenly_and_counted() -> None:
    record = make_record(4)
    data = view.chart_data(record.model_copy(update={"points": record.points[:1] * 9001}))
    assert (len(data["points"]), data["n_points"]) == (3001, 9001)


def test_code_shows_its_invisible_characters() -> None:
    record = make_record(1)
    pair = record.pairs[0].model_copy(update={"vulnerable_code": "a\u202eb", "fixed_code": "a\u202eb"})
    data = view.chart_data(record.model_copy(update={"pairs": (pair,)}))
    assert data["pairs"][0]["diff"] == [[["a⟨U+202E⟩b"], None]]
