from __future__ import annotations

import pytest
from tests.report.golden import render_text
from tests.report.panels import make_full_record
from tests.report.records import make_hostile_record, make_record


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
