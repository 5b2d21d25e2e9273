from __future__ import annotations

import re
from html import unescape

import pytest
from tests.report.golden import GOLDEN, render_golden
from tests.report.panels import make_comparison, make_full_record, make_hostile_panels
from tests.report.records import HOSTILE, estimate, make_hostile_record, make_record
from tests.report.showing import render_html

from vulnscope.records.audit import AuditRecord
from vulnscope.records.base import not_measured
from vulnscope.records.comparison import ComparisonRecord
from vulnscope.report.glossary import GLOSSARY

SCRIPTS = re.compile(r"<(script|style)[^>]*>.*?</\1>", re.S)


def body(record: AuditRecord | ComparisonRecord) -> str:
    """The page without scripts, styles and data."""
    return SCRIPTS.sub("", render_html(record))


def text(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", html)))


@pytest.mark.parametrize("name", ["audit.html", "audit.txt", "comparison.html", "comparison.txt"])
def test_golden_files_are_up_to_date(name: str) -> None:
    expected = (GOLDEN / name).read_text(encoding="utf-8")
    assert render_golden()[name] == expected, "if the change is meant: python -m tests.regenerate"


def test_equal_records_give_equal_bytes() -> None:
    record = make_record(8)
    assert render_html(record) == render_html(AuditRecord.model_validate_json(record.to_json()))


@pytest.mark.parametrize("record", [make_full_record(8), make_comparison()], ids=["audit", "comparison"])
def test_the_page_loads_nothing_and_has_no_inline_code(record: AuditRecord | ComparisonRecord) -> None:
    page = body(record)
    assert not re.findall(r"""\s(?:src|srcset|action|data|poster|style|on\w+)=""", page)
    assert all(link.startswith("#") for link in re.findall(r'href="([^"]*)"', page))
    assert "<link" not in page


def test_the_verdict_comes_first() -> None:
    record = make_record()
    assert 0 <= text(body(record).partition("<main")[2]).find(record.sentence) < 40


@pytest.mark.parametrize("record", [make_full_record(8), make_comparison()], ids=["audit", "comparison"])
def test_every_link_to_a_term_has_its_entry(record: AuditRecord | ComparisonRecord) -> None:
    page = body(record)
    assert set(re.findall(r'href="#term-([^"]*)"', page)) <= set(GLOSSARY)
    assert set(re.findall(r'id="term-([^"]*)"', page)) == set(GLOSSARY)
    assert set(re.findall(r'href="#([^"]*)"', page)) <= set(re.findall(r'id="([^"]*)"', page))


def test_generated_code_is_labelled_in_every_table_that_holds_figures() -> None:
    captions = re.findall(r"<caption>(.*?)</caption>", body(make_full_record(8)), re.S)
    assert len(captions) == 13
    assert all("<b>synthetic</b>" in caption and "synthetic: generated code" in caption for caption in captions)
    corpus = make_record().corpus.model_copy(update={"name": "sven"})
    found = body(make_record(corpus=corpus))
    assert "generated code" not in found
    assert len(re.findall(r"Corpus <b>sven</b>", found)) == 4


def test_how_it_was_grouped_and_how_to_repeat_it_is_there() -> None:
    record = make_record()
    found = text(body(record))
    for part in (
        record.corpus.grouping,
        record.command,
        record.run,
        record.subject.subject_digest,
        record.corpus.corpus_digest,
        record.code_digest,
        "torch 2.13.0",
        '"n_bootstrap": 2000',
        record.subject.switched_off[0],
        record.corpus.bad_rows[0],
        record.left_out[0].reason,
    ):
        assert part in found


def test_a_figure_that_was_not_measured_says_why_in_sight_and_on_hover() -> None:
    record = make_record(8)
    reason = "too few groups: 3 of at least 5"
    overall = record.overall.model_copy(update={"auroc": not_measured(reason)})
    page = body(record.model_copy(update={"overall": overall}))
    assert f'data-tip="{reason}">n/a<sup>1</sup>' in page
    assert f"<li>{reason}</li>" in page


def test_a_value_without_an_interval_says_why() -> None:
    value = estimate(0.6, 8).model_copy(update={"low": not_measured("x").low, "high": not_measured("x").high})
    record = make_record(8)
    page = body(record.model_copy(update={"overall": record.overall.model_copy(update={"pair_rank": value})}))
    assert "60 %" in page
    assert "<li>x</li>" in page


def test_what_is_odd_about_the_corpus_is_said() -> None:
    record = make_record()
    odd = "2 of 4 samples name a CWE that the catalogue does not have (edition 4.19.1): CWE-9999 (2)"
    corpus = record.corpus.model_copy(update={"problems": (odd,), "bad_rows": ()})
    assert odd in text(body(record.model_copy(update={"corpus": corpus, "left_out": ()})))


def test_nothing_left_out_is_said() -> None:
    record = make_record(4)
    subject = record.subject.model_copy(update={"switched_off": ()})
    corpus = record.corpus.model_copy(update={"bad_rows": ()})
    found = text(body(make_record(4, left_out=(), subject=subject, corpus=corpus)))
    assert "Nothing: every sample of the corpus is in the figures." in found


def test_a_record_without_pairs_baselines_or_slices_renders() -> None:
    record = make_record(4)
    overall = record.overall.model_copy(update={"baselines": (), "pair_cells": None})
    nothing = {"slices": (), "pairs": (), "points": (), "n_pairs_not_shown": 7}
    found = text(body(record.model_copy(update={"overall": overall, **nothing})))
    assert "Against rules without a model" not in found
    assert "7 further pairs are in the figures but not shown here." in found


def test_hostile_text_stands_on_the_page_as_text() -> None:
    page = render_html(make_hostile_record())
    outside = SCRIPTS.sub("", page)
    assert "<script>document" not in page
    assert "<img" not in page
    assert "<svg onload" not in page
    assert str(7919 * 7907) not in outside, "nothing is rendered twice"
    assert text(outside).count(text(HOSTILE.partition("<script>")[0])) > 20


def test_a_large_study_stays_below_three_megabytes() -> None:
    assert len(render_html(make_record(500)).encode()) < 3_000_000


@pytest.mark.parametrize("panel", ["classification", "prompt_grid", "robustness", "background", "leaks", "answers"])
def test_a_panel_that_was_not_measured_is_not_shown(panel: str) -> None:
    sections = {"classification": "classifier", "prompt_grid": "prompts"}
    shown = f'<section id="{sections.get(panel, panel)}">'
    assert shown in body(make_full_record(4))
    assert shown not in body(make_full_record(4, **{panel: None}))
    assert f'href="#{sections.get(panel, panel)}"' not in body(make_full_record(4, **{panel: None}))


def test_a_weak_figure_carries_its_warning() -> None:
    page = text(body(make_full_record(4)))
    assert page.count("too few negatives: a rate of 0.5 % allows 0 of 60") == 2
    assert "Precision is for code of which 1 % is vulnerable" in page


def test_nothing_hostile_stays_in_panels_or_comparison() -> None:
    for page in (body(make_full_record(4, **make_hostile_panels())), body(make_comparison(HOSTILE))):
        assert 'onerror="document' not in page
        assert "<img" not in page
        assert "<svg onload" not in page
        assert "&lt;img src=x" in page


def test_flipped_items_stand_first_and_say_which_way() -> None:
    page = text(body(make_comparison()))
    first, _, _ = page.partition("margin −0.10")
    assert "says secure → vulnerable" in first
    assert "10 of 80 are shown; all are in the figures" in page
    assert "2 only before, 0 only after" in page
    assert "±9.0" in page
