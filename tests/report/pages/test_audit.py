from __future__ import annotations

import re

import pytest
from tests.report.golden import render_text
from tests.report.panels import make_answers, make_classification, make_full_record
from tests.report.records import make_hostile_record, make_record
from tests.report.showing import render_html

from vulnscope.records.base import not_measured


@pytest.mark.parametrize("width", [80, 140])
def test_no_line_is_wider_than_the_terminal_and_no_figure_is_broken(width: int) -> None:
    shown = render_text(make_record(), width)
    assert max(map(len, shown.splitlines())) <= width
    assert "85 % [76, 94]" in shown
    assert "0.68 [0.56, 0.80]" in shown
    assert "…" not in shown


def test_the_verdict_the_corpus_and_what_is_missing_are_said() -> None:
    record = make_record()
    shown = render_text(record, 200)
    assert shown.startswith(record.sentence)
    assert "corpus synthetic (synthetic: generated code)" in shown
    assert "n/a: not identified: fewer than 5 of one answer on a side" in shown
    assert "left out: 3 samples, no twin in the corpus" in shown
    assert "left out: 1 row that could not be read" in shown
    assert "switched off: prefix cache" in shown


def test_what_is_odd_about_the_corpus_is_said() -> None:
    record = make_record()
    odd = "2 of 4 samples name a CWE that the catalogue does not have"
    corpus = record.corpus.model_copy(update={"problems": (odd,)})
    assert odd in render_text(record.model_copy(update={"corpus": corpus}), 140)


def test_markup_and_escape_sequences_stay_text() -> None:
    record = make_hostile_record().model_copy(update={"sentence": "[bold red]x[/] \x1b]0;owned\x07 \x9b31m"})
    assert render_text(record, 140).startswith("[bold red]x[/] ⟨U+001B⟩]0;owned⟨U+0007⟩ ⟨U+009B⟩31m")


def test_answers_without_a_verdict_are_counted_with_what_may_be_the_cause() -> None:
    shown = " ".join(render_text(make_full_record(), 100).split())
    assert "no verdict: 6 unparsed, 3 refused, 1 cut of 120 answers; cut: --max-new-tokens was reached" in shown
    assert "no verdict" not in render_text(make_record(), 100)


def test_impossible_log_probabilities_are_counted_where_they_came() -> None:
    line = "mpossible log-probabilities from the server in 3 of"
    found = make_answers("…").model_copy(update={"n_impossible": 3})
    assert f"i{line}" in render_text(make_record(answers=found), 140)
    assert f"I{line}" in render_html(make_record(answers=found))
    for shown in (
        render_text(make_record(answers=make_answers("…")), 140),
        render_html(make_record(answers=make_answers("…"))),
    ):
        assert line not in shown


def test_what_else_was_measured_has_a_line_each() -> None:
    shown = render_text(make_full_record(), 140)
    for line in (
        r"Balanced accuracy +55 % \[\d+, \d+\]  half is chance",
        r"Matthews correlation +\+0.11 \[−0.02, \+0.24\]  0 is chance",
        r"VD-S at 0.5 % false alarms +98 % \[\d+, \d+\]  too few negatives",
        r"Calibration error +0.21  0.12 by chance; Brier 0.29",
        r"Right, mean of 3 prompts +51 % \[\d+, \d+\]  42 % \(direct\) to 60 % \(review\)",
        r"Read-outs agree +94 % \[\d+, \d+\]  κ \+0.71",
        r"S1 at temperature 0.2 +90 % \[\d+, \d+\]  one verdict in 10 repeats; always right 50 %",
        r"Names the very CWE +30 % \[\d+, \d+\]  parent 10 %, child 5 %, neither 55 %; of 60",
        r"Lines found +50 % \[\d+, \d+\]  of changed lines; 20 % of all lines named",
        r"Survives rename +48 % \[\d+, \d+\]  right and unchanged; right 55 % before, 51 % after",
    ):
        assert re.search(line, shown), line
    assert "Balanced accuracy" not in render_text(make_record(), 140)


def test_repeats_that_lack_a_verdict_are_told_from_those_that_differ() -> None:
    answers = make_answers("S1")
    silent = answers.stability[0].model_copy(update={"n_silent": 36})
    record = make_record(answers=answers.model_copy(update={"stability": (silent,)}))
    assert "one verdict in 10 repeats (36 samples lack a verdict); always right" in render_text(record, 160)
    assert "36 lack a verdict in some repeat" in render_html(record)


def test_temperatures_without_repeats_have_a_line_each() -> None:
    answers = make_answers("S1")
    warm = answers.prompts[0].model_copy(update={"temperature": 0.75})
    changes = {"prompts": (*answers.prompts, warm), "stability": ()}
    shown = render_text(make_record(answers=answers.model_copy(update=changes)), 140)
    assert re.search(r"S1 at temperature 0 +50 % \[\d+, \d+\]  right; 10 of 120 without a verdict", shown)
    assert re.search(r"S1 at temperature 0.75 +50 % \[\d+, \d+\]  right; 10 of 120 without a verdict", shown)
    assert "at temperature" not in render_text(make_record(answers=answers.model_copy(update={"stability": ()})), 140)


def test_a_further_figure_that_was_not_measured_says_why() -> None:
    classification = make_classification().model_copy(update={"mcc": not_measured("one answer only")})
    shown = render_text(make_record(classification=classification), 140)
    assert re.search(r"Matthews correlation +n/a  one answer only", shown)
