"""The page of a reproduction: each figure in its column, in the summary and in every setting."""

from __future__ import annotations

from tests.report.pages.estimates import estimate, read_row

from vulnscope.records.audit import CorpusInfo, SubjectInfo
from vulnscope.records.base import NotMeasured
from vulnscope.report.page import Cell, Fold, Section, Table
from vulnscope.study.presets.page import page, summarise_rows
from vulnscope.study.presets.record import Judged, ModelMemory, ReproducedRow, ReproductionRecord, Said


def said(first: int) -> Said:
    """Answers of which no two figures are equal."""
    return Said(
        vulnerable_right=estimate(0.11),
        fixed_right=estimate(0.22),
        pair_correct=estimate(0.33),
        n_unparsed=first,
        n_changed_answers=first + 1,
        n_changed_verdicts=first + 2,
    )


def make_row(layers: tuple[int, ...], shift: float = 0.5) -> ReproducedRow:
    judged = Judged(
        yes_rate=estimate(0.44),
        auroc=estimate(0.55),
        pair_rank=estimate(0.66),
        pair_rank_p=0.03 if layers else NotMeasured(reason="not steered"),
        pair_rank_p_corrected=0.06 if layers else NotMeasured(reason="not steered"),
        bias_shift_nats=shift,
    )
    return ReproducedRow(
        prompt="plain",
        indexing="right" if layers else "none",
        layers_asked="4,40" if layers else "",
        layers=layers,
        scale=2.0,
        n_steered=6,
        first_token=said(10),
        whole_answer=said(20),
        default=judged,
    )


def make_record() -> ReproductionRecord:
    memory = ModelMemory(
        name="m", n_parameters=9, bf16_bytes=2**30, nf4_bytes=2**31, forward_bytes=2**32, batch=1, length=2048
    )
    return ReproductionRecord.model_construct(
        sentence="s",
        subject=SubjectInfo.model_construct(name="m", architecture="a", n_parameters=1, dtype="f", device="cpu"),
        corpus=CorpusInfo.model_construct(name="c", n_samples=2, n_pairs=1, n_groups=1, grouping="by pair"),
        preset="p",
        samples=("a", "b"),
        rows=(make_row(()), make_row((4, 24)), make_row((4, 24), shift=-0.25)),
        indexings={"right": "all tokens"},
        memory=(memory,),
        correction="Holm",
        notes=(),
        left_out=(),
        command="",
        config={},
        versions={},
        run="r",
    )


def find_section(name: str) -> Section:
    return next(section for section in page(make_record()).sections if section.name == name)


def test_every_setting_has_its_figures_in_their_columns() -> None:
    fold = next(block for block in find_section("Every setting").blocks if isinstance(block, Fold))
    assert fold.summary == "plain prompt, right: 2 settings"
    (table,) = fold.blocks
    assert isinstance(table, Table)
    assert read_row(table) == [
        ("setting", Cell("4,40 → 4, 24; not normalised; × 2")),
        ("1 token: empty", Cell("10")),
        ("vulnerable right", Cell("0.11", ("[0.01, 0.21]",))),
        ("fixed right", Cell("0.22", ("[0.12, 0.32]",))),
        ("50 tokens: empty", Cell("20")),
        ("vulnerable right", Cell("0.11", ("[0.01, 0.21]",))),
        ("fixed right", Cell("0.22", ("[0.12, 0.32]",))),
        ("pair-correct", Cell("0.33", ("[0.23, 0.43]",))),
        ("verdicts changed", Cell("22")),
        ("calls vulnerable", Cell("0.44", ("[0.34, 0.54]",))),
        ("AUROC", Cell("0.55", ("[0.45, 0.65]",))),
        ("pair-rank", Cell("0.66", ("[0.56, 0.76]",))),
        ("p", Cell("0.030", ("0.060",))),
        ("margin shift", Cell("+0.50")),
    ]


def test_the_summary_spans_the_settings() -> None:
    (table,) = (
        block
        for block in find_section("As written and done right").blocks
        if block.only == "page" and isinstance(block, Table)
    )
    assert [(head, cell.text) for head, cell in read_row(table, 1)] == [
        ("indexing", "right"),
        ("steered", "6 of 2"),
        ("answers changed", "21"),
        ("vulnerable right", "0.11"),
        ("fixed right", "0.22"),
        ("calls vulnerable", "0.44"),
        ("AUROC", "0.55"),
        ("pair-rank", "0.66"),
        ("margin shift", "−0.25 to 0.50"),
    ]
    assert [line.indexing for line in summarise_rows(make_record())["plain"]] == ["none", "right"]


def test_a_terminal_shows_both_protocols_one_after_the_other() -> None:
    brief = [
        block
        for block in find_section("As written and done right").blocks
        if block.only == "terminal" and isinstance(block, Table)
    ]
    assert [[head for head, _ in read_row(table)] for table in brief] == [
        ["plain prompt, as then", "steered", "answers changed", "vulnerable right", "fixed right"],
        ["plain prompt, by default", "calls vulnerable", "AUROC", "pair-rank", "margin shift"],
    ]


def test_memory_has_its_columns() -> None:
    (table,) = find_section("Memory").blocks
    assert isinstance(table, Table)
    assert [(head, cell.text) for head, cell in read_row(table)] == [
        ("model", "m"),
        ("parameters", "9"),
        ("weights in bf16", "1.0 GiB"),
        ("in 4 bits", "2.0 GiB"),
        ("forward of 1 × 2,048 tokens", "4.0 GiB"),
    ]
