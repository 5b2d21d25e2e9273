"""Each figure of a repeated experiment stands in its column, old protocol and default beside each other."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.report.pages.reading import find_section, find_styles, print_plain, read_tables, read_text
from tests.report.records import make_record

from vulnscope.records.audit import LeftOut
from vulnscope.records.base import Estimate, NotMeasured, not_measured
from vulnscope.report.write_html import write_html
from vulnscope.study.presets.page import SummaryLine, summarise_rows
from vulnscope.study.presets.page import page as describe
from vulnscope.study.presets.record import Judged, ModelMemory, ReproducedRow, ReproductionRecord, Said

OLD = ["steered", "answers changed", "vulnerable right", "fixed right"]
DEFAULT = ["calls vulnerable", "AUROC", "pair-rank", "margin shift"]


def about(value: float, half: float = 0.1) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half, method="bca", n=40, n_groups=40)


def said(first: float, n: int) -> Said:
    """Figures that all differ, so that a swap of two shows."""
    return Said(
        vulnerable_right=about(first),
        fixed_right=about(first + 0.01),
        pair_correct=about(first + 0.02),
        n_unparsed=n,
        n_changed_answers=n + 1,
        n_changed_verdicts=n + 2,
    )


def row(first: float, n: int = 3, shift: float = 0.5, **changes: Any) -> ReproducedRow:
    given: dict[str, Any] = {
        "prompt": "plain",
        "indexing": "last",
        "layers_asked": "3,5",
        "layers": (3, 5),
        "scale": 20.0,
        "n_steered": 7,
        "first_token": said(first, n),
        "whole_answer": said(first + 0.1, 10 * n),
        "default": Judged(
            yes_rate=about(first + 0.2),
            auroc=about(first + 0.21),
            pair_rank=about(first + 0.22),
            pair_rank_p=0.02,
            pair_rank_p_corrected=0.04,
            bias_shift_nats=shift,
        ),
    }
    return ReproducedRow(**{**given, **changes})


def unsteered(first: float) -> ReproducedRow:
    plain = row(first)
    default = plain.default.model_copy(update={"pair_rank_p": NotMeasured(reason="not steered")})
    return row(first, layers_asked="", layers=(), indexing="none", scale=0.0, n_steered=0, default=default)


MEMORY = ModelMemory(
    name="starcoder <15B>",
    n_parameters=15_517_456_384,
    bf16_bytes=29 * 2**30,
    nf4_bytes=2**33,
    batch=4,
    length=2048,
    forward_bytes=3 * 2**29,
)


@pytest.fixture
def record() -> ReproductionRecord:
    audit = make_record(4)
    few = not_measured("too few groups (23, 30 needed)").low
    default = row(0.5).default
    thin = default.model_copy(update={"auroc": default.auroc.model_copy(update={"low": few, "high": few})})
    return ReproductionRecord(
        preset="starcoder",
        sentence="Nothing <new>.",
        subject=audit.subject,
        corpus=audit.corpus,
        samples=("a", "b", "c", "d", "e", "f", "g", "h"),
        indexings={"last": "the last <token>", "none": "nothing"},
        rows=(
            unsteered(0.3),
            row(0.2),
            row(0.4, n=5, shift=-1.5, layers_asked="3, 99", layers=(3, 7), is_normalised=True, scale=0.5),
            row(0.5, indexing="first", default=thin),
            row(0.1, prompt="few-shot"),
        ),
        correction="Holm over 4",
        memory=(MEMORY, MEMORY.model_copy(update={"name": "small", "batch": 1})),
        left_out=(LeftOut(reason="no twin", n=2, examples=()),),
        notes=("clamped <to> 7",),
        config={"seed": 7},
        command="vulnscope preset starcoder",
        versions={"torch": "2.13.0"},
        seed=7,
        code_digest="0d5c",
        run="20310504-preset",
    )


def test_the_summary_ranges_over_settings_by_prompt_and_indexing(record: ReproductionRecord) -> None:
    found = summarise_rows(record)
    assert list(found) == ["plain", "few-shot"]
    assert [line.indexing for line in found["plain"]] == ["none", "last", "first"]
    assert found["plain"][1] == SummaryLine(
        "last",
        ("7 of 8", "31 to 51", "0.30 to 0.50", "0.31 to 0.51"),
        ("0.40 to 0.60", "0.41 to 0.61", "0.42 to 0.62", "-1.50 to 0.50".replace("-", "−")),
    )
    # What is the same everywhere is said once.
    assert found["few-shot"] == [
        SummaryLine("last", ("7 of 8", "31", "0.20", "0.21"), ("0.30", "0.31", "0.32", "0.50"))
    ]


def test_a_range_leaves_out_what_was_not_measured(record: ReproductionRecord) -> None:
    missing = row(0.2).default.model_copy(
        update={"auroc": not_measured("no pairs"), "bias_shift_nats": NotMeasured(reason="x")}
    )
    alone = record.model_copy(update={"rows": (row(0.2, default=missing),)})
    assert summarise_rows(alone)["plain"][0].default_protocol == ("0.40", "n/a", "0.42", "n/a")
    both = record.model_copy(update={"rows": (row(0.2, default=missing), row(0.4))})
    assert summarise_rows(both)["plain"][0].default_protocol[1] == "0.61"


def test_the_page_shows_the_summary_under_its_heads(record: ReproductionRecord) -> None:
    plain, few_shot, *_ = read_tables(write_html(describe(record)))
    assert plain[0] == ["indexing", *OLD, *DEFAULT]
    assert plain[2] == [
        *("last", "7 of 8", "31 to 51", "0.30 to 0.50", "0.31 to 0.51"),
        *("0.40 to 0.60", "0.41 to 0.61", "0.42 to 0.62", "−1.50 to 0.50"),
    ]
    assert few_shot[1:] == [["last", "7 of 8", "31", "0.20", "0.21", "0.30", "0.31", "0.32", "0.50"]]


def test_every_figure_of_a_setting_stands_in_its_column(record: ReproductionRecord) -> None:
    _, _, meaning, plain, last, first, few_shot, _ = read_tables(write_html(describe(record)))
    assert meaning == [["indexing", "what it edits"], ["last", "the last <token>"], ["none", "nothing"]]
    heads = [
        *("setting", "1 token: empty", "vulnerable right", "fixed right", "50 tokens: empty", "vulnerable right"),
        *("fixed right", "pair-correct", "verdicts changed", "calls vulnerable", "AUROC", "pair-rank", "p"),
        "margin shift",
    ]
    assert [table[0] for table in (plain, last, first, few_shot)] == [heads] * 4
    assert plain[1][0] == "plain prompt, not steered"
    assert plain[1][-2:] == ["–", "+0.50"]
    assert last[1] == [
        *("3,5; not normalised; × 20", "3", "0.20 [0.10, 0.30]", "0.21 [0.11, 0.31]"),
        *("30", "0.30 [0.20, 0.40]", "0.31 [0.21, 0.41]", "0.32 [0.22, 0.42]", "32"),
        *("0.40 [0.30, 0.50]", "0.41 [0.31, 0.51]", "0.42 [0.32, 0.52]", "0.020 0.040", "+0.50"),
    ]
    assert last[2][0] == "3, 99 → 3, 7; normalised; × 0.5"
    assert last[2][-1] == "−1.50"
    # Without an interval the figure stands alone.
    assert first[1][-4] == "0.71"
    page = write_html(describe(record))
    assert page.count('class="shown stacked"') == 4
    assert page.count('class="shown"') == 2
    assert "<td>0.71</td>" in page
    assert "<td>0.42<small>[0.32, 0.52]</small></td><td>0.020<small>0.040</small></td>" in page
    assert [len(table) for table in (plain, last, first, few_shot)] == [2, 3, 2, 2]


def test_settings_are_folded_by_prompt_and_indexing(record: ReproductionRecord) -> None:
    page = write_html(describe(record))
    assert re.findall(r"<summary>(.*?)</summary>", page) == [
        "plain prompt, last: 2 settings",
        "plain prompt, first: 1 setting",
        "few-shot prompt, last: 1 setting",
        "Settings",
    ]
    assert re.findall(r"<h3>(.*?)</h3>", page) == ["plain prompt", "few-shot prompt"]
    settings = find_section(describe(record), "Every setting")
    assert re.findall(r'<p class="hint">(.*?)</p>', settings) == [
        "An empty answer is never right; one without a phrase of either kind counts as secure.",
        "p is that of the change of pair-rank; below it, corrected over all settings (Holm over 4).",
        "No interval of the AUROC: too few groups (23, 30 needed).",
    ]


def test_the_memory_of_models_is_in_binary_gigabytes(record: ReproductionRecord) -> None:
    memory = read_tables(write_html(describe(record)))[-1]
    assert memory == [
        ["model", "parameters", "weights in bf16", "in 4 bits", "forward of 4 × 2,048 tokens or 1 × 2,048 tokens"],
        ["starcoder <15B>", "15,517,456,384", "29.0 GiB", "8.0 GiB", "1.5 GiB"],
        ["small", "15,517,456,384", "29.0 GiB", "8.0 GiB", "1.5 GiB"],
    ]


def test_the_page_has_its_sections_and_facts(record: ReproductionRecord) -> None:
    page = write_html(describe(record))
    text = read_text(page)
    assert "<title>organism on synthetic, starcoder · Vulnscope</title>" in page
    assert re.findall(r"<h2>(.*?)</h2>", page) == [
        "As written and done right",
        "What each indexing edits",
        "Every setting",
        "Memory",
        "Left out and clamped",
        "Reproduce",
    ]
    assert text.startswith("Vulnscope reproduction As written")
    assert "Nothing <new>. Model organism" in text
    assert "Preset starcoder 5 settings" in text
    assert "done right Columns up to “fixed right” are the old protocol: greedy answers in words" in text
    assert "each setting with its intervals is below. plain prompt" in text
    assert "Left out and clamped 2 samples: no twin clamped <to> 7 Reproduce vulnscope preset starcoder" in text
    assert text.endswith('{ "seed": 7 } run 20310504-preset; torch 2.13.0')


def test_the_terminal_shows_each_protocol_by_prompt(record: ReproductionRecord) -> None:
    lines = [" ".join(line.split()) for line in print_plain(describe(record))]
    assert lines[:2] == ["Nothing <new>.", "- clamped <to> 7"]
    assert lines[2:12] == [
        "answers vulnerable fixed",
        "plain prompt, as then steered changed right right",
        "none 0 of 8 31 0.40 0.41",
        "last 7 of 8 31 to 51 0.30 to 0.50 0.31 to 0.51",
        "first 7 of 8 31 0.60 0.61",
        "calls margin",
        "plain prompt, by default vulnerable AUROC pair-rank shift",
        "none 0.50 0.51 0.52 0.50",
        "last 0.40 to 0.60 0.41 to 0.61 0.42 to 0.62 −1.50 to 0.50",
        "first 0.70 0.71 0.72 0.50",
    ]
    assert lines[-2:] == [
        "starcoder <15B> 15,517,456,384 29.0 GiB 8.0 GiB 1.5 GiB",
        "small 15,517,456,384 29.0 GiB 8.0 GiB 1.5 GiB",
    ]


def test_figures_stand_to_the_right_and_are_never_broken(record: ReproductionRecord) -> None:
    long = record.model_copy(update={"sentence": "word " * 30, "notes": ("word " * 30,)})
    assert [len(line) for line in print_plain(describe(long), width=72)[:2]] == [149, 151]
    assert find_styles(describe(record))[0] == "bold"
    lines = print_plain(describe(record), width=72)
    (none,) = (line for line in lines if line.startswith("none") and "of 8" in line)
    (last,) = (line for line in lines if line.startswith("last") and "of 8" in line and "31 to 51" in line)
    assert len(none) == len(last)
    assert all("…" not in line for line in lines)
