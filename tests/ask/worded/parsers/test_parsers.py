"""Parsers on what models write and on what nobody would."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vulnscope import registry
from vulnscope.ask.worded.parsers.keyword import VULNERABLE_PHRASES, parse_keyword
from vulnscope.ask.worded.parsers.strict import parse_strict
from vulnscope.cwe import normalise_cwe
from vulnscope.records.answers import Expectation, Form, Option, Parsed

OPTIONS = (
    Option(label="A", meaning="CWE-89"),
    Option(label="B", meaning="CWE-79"),
    Option(label="C", meaning="none"),
)
FORMS: tuple[Form, ...] = ("verdict", "yes-no", "options", "weakness", "lines")
EXPECTATIONS = tuple(Expectation(form=form, options=OPTIONS if form == "options" else ()) for form in FORMS)
# Arbitrary text, and text made of what the parsers look for, in any order.
WORDS = (
    *("Verdict:", "verdict", "Weakness:", "Lines:", "vulnerable", "not vulnerable", "secure", "yes", "No", "CWE-89"),
    *("none", "A", "(B)", "3-5", "99999999999", "9-3", ",", ".", "\n", "```", "**", " ", "I cannot assist"),
    *("\u2028", "٣", "\x00"),
)
PIECES = st.sampled_from(WORDS)
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=12).map("".join))


def strict(text: str, form: Form = "verdict", **fields: Any) -> Parsed:
    return parse_strict(text, Expectation(form=form, **fields))


@pytest.mark.parametrize("name", registry.list_names("parser"))
@given(text=TEXTS, expects=st.sampled_from(EXPECTATIONS), is_finished=st.booleans())
def test_no_text_breaks_a_parser(name: str, text: str, expects: Expectation, is_finished: bool) -> None:
    parsed = registry.resolve("parser", name)(text, expects, is_finished=is_finished)
    assert (parsed.says == "unparsed") == (parsed.state != "parsed")
    assert all(normalise_cwe(cwe) == cwe for cwe in parsed.cwes)
    assert list(parsed.lines) == sorted(set(parsed.lines))
    if parsed.state != "parsed" or parsed.says == "fixed":
        assert not parsed.cwes
        assert not parsed.lines
    if not text.strip():
        assert parsed.state != "parsed"


@given(
    text=st.text(alphabet="abcdefgh \n.,:;!?()[]{}<>=+-*/'\"`\t", max_size=200),
    expects=st.sampled_from(EXPECTATIONS[:1]),
)
def test_prose_without_a_verdict_line_has_no_verdict(text: str, expects: Expectation) -> None:
    assert parse_strict(text, expects).says == "unparsed"


@given(text=TEXTS, form=st.sampled_from(("verdict", "weakness", "lines")), is_finished=st.booleans())
def test_without_its_key_on_the_last_line_no_form_is_answered(text: str, form: Form, is_finished: bool) -> None:
    key = {"verdict": "verdict", "weakness": "weakness", "lines": "line"}[form]
    last = next((line for line in reversed(text.splitlines()) if line.strip().strip("`")), "")
    parsed = parse_strict(text, Expectation(form=form), is_finished=is_finished)
    assert parsed.says == "unparsed" or key in last.lower()


@given(text=TEXTS)
def test_yes_and_no_are_never_taken_from_further_in(text: str) -> None:
    first = next(iter(re.findall(r"[^\W\d_]+", text)), "").lower()
    assert strict(text, "yes-no").says == "unparsed" or first in ("yes", "no")
    labels = {option.label.lower() for option in OPTIONS}
    assert strict(text, "options", options=OPTIONS).says == "unparsed" or first in {*labels, "answer"}


@given(text=TEXTS, expects=st.sampled_from(EXPECTATIONS), is_finished=st.booleans())
def test_keywords_only_ever_count_phrases(text: str, expects: Expectation, is_finished: bool) -> None:
    parsed = parse_keyword(text, expects, is_finished=is_finished)
    if not text.strip():
        assert parsed.state == "unparsed"
    elif parsed.says == "vulnerable":
        assert any(phrase.split()[0] in text.lower() for phrase in VULNERABLE_PHRASES)
    assert (parsed.cwes, parsed.lines) == ((), ())


@pytest.mark.parametrize("name", registry.list_names("parser"))
@pytest.mark.parametrize("expects", EXPECTATIONS)
@pytest.mark.parametrize("filling", [".", " ", "*", "\n", "\t", "-", " (", "1 ", " and ", "final ", "no ", "use  "])
def test_a_very_long_answer_is_read_all_the_same(name: str, expects: Expectation, filling: str) -> None:
    parse = registry.resolve("parser", name)
    for key in ("", "Verdict: ", "Weakness: CWE-89", "Lines: 1", "yes", "A"):
        for is_finished in (True, False):
            parsed = parse(f"{key}{filling * 10_000}x", expects, is_finished=is_finished)
            assert (parsed.says == "unparsed") == (parsed.state != "parsed")


@given(reasoning=st.text(max_size=200), is_vulnerable=st.booleans())
def test_a_verdict_after_any_reasoning_is_found(reasoning: str, is_vulnerable: bool) -> None:
    text = f"{reasoning}\nVerdict: {'vulnerable' if is_vulnerable else 'not vulnerable'}"
    assert strict(text).says == ("vulnerable" if is_vulnerable else "fixed")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("It checks the length.\n\nVerdict: not vulnerable", "fixed"),
        ("**Verdict: Vulnerable.**\n", "vulnerable"),
        ("Verdict: **\u00a0'safe'!.. **", "fixed"),
        ("Verdict: .", "unparsed"),
        ("Verdict:", "unparsed"),
        ("Final verdict: **secure**\n```\n", "fixed"),
        ("VERDICT = NOT_VULNERABLE", "fixed"),
        ("Verdict: vulnerable\nOn second thought, no.", "unparsed"),
        ("Verdict: vulnerable or not vulnerable", "unparsed"),
        ("Verdict: perhaps", "unparsed"),
        ("The code is vulnerable.", "unparsed"),
        ("", "unparsed"),
    ],
)
def test_the_verdict_is_the_last_line(text: str, says: str) -> None:
    assert strict(text).says == says


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Yes", "vulnerable"),
        ("**No.** The bound is checked", "fixed"),
        ("yes, because", "vulnerable"),
        ("No\nmore", "fixed"),
        ("No idea", "unparsed"),
        ("Yes or no?", "unparsed"),
        ("Nothing", "unparsed"),
        ("The answer is yes.", "unparsed"),
    ],
)
def test_yes_and_no_stand_first_and_alone(text: str, says: str) -> None:
    assert strict(text, "yes-no").says == says
    opposite = {"vulnerable": "fixed", "fixed": "vulnerable", "unparsed": "unparsed"}
    assert strict(text, "yes-no", yes_means="fixed").says == opposite[says]


@pytest.mark.parametrize(
    ("text", "says", "cwes"),
    [
        ("A", "vulnerable", ("CWE-89",)),
        ("(b) Cross-site scripting", "vulnerable", ("CWE-79",)),
        ("C.", "fixed", ()),
        ("Answer: A", "vulnerable", ("CWE-89",)),
        ("A buffer is copied", "unparsed", ()),
        ("D", "unparsed", ()),
    ],
)
def test_an_option_is_its_label(text: str, says: str, cwes: tuple[str, ...]) -> None:
    parsed = strict(text, "options", options=OPTIONS)
    assert (parsed.says, parsed.cwes) == (says, cwes)


@pytest.mark.parametrize(
    ("text", "says", "cwes"),
    [
        ("The query is built by hand.\nWeakness: CWE-89", "vulnerable", ("CWE-89",)),
        ("Weaknesses: cwe-089 (SQL Injection), CWE-20", "vulnerable", ("CWE-89", "CWE-20")),
        ("Weakness: none", "fixed", ()),
        ("Weakness: none, CWE-89", "unparsed", ()),
        ("Weakness: SQL injection", "unparsed", ()),
        ("Weakness: CWE-89\nprobably", "unparsed", ()),
    ],
)
def test_weaknesses_are_named_by_number(text: str, says: str, cwes: tuple[str, ...]) -> None:
    parsed = strict(text, "weakness")
    assert (parsed.says, parsed.cwes) == (says, cwes)


@pytest.mark.parametrize(
    ("text", "says", "lines"),
    [
        ("Lines: 3-5, 9", "vulnerable", (3, 4, 5, 9)),
        ("Line: 7", "vulnerable", (7,)),
        ("Lines: 3 and lines 4 to 5", "vulnerable", (3, 4, 5)),
        ("Lines: none", "fixed", ()),
        ("Lines: 5-3", "unparsed", ()),
        ("Lines: 0", "unparsed", ()),
        ("Lines: 1-999999", "unparsed", ()),
        ("Lines: 1-20000, 30000-40000", "unparsed", ()),
        ("Lines: ٣", "unparsed", ()),
    ],
)
def test_lines_are_numbers_and_ranges(text: str, says: str, lines: tuple[int, ...]) -> None:
    parsed = strict(text, "lines")
    assert (parsed.says, parsed.lines) == (says, lines)


def test_a_cut_answer_counts_only_where_its_last_line_is_complete() -> None:
    expects = Expectation(form="verdict")
    assert parse_strict("Because\nVerdict: vulnerable", expects, is_finished=False).state == "cut"
    assert parse_strict("Because\nVerdict: vulnerable\n", expects, is_finished=False).says == "vulnerable"
    assert parse_strict("I think that", expects, is_finished=False).state == "cut"


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("I'm sorry, but I can't assist with that.", "refused"),
        ("I cannot help analyze exploits.", "refused"),
        ("This violates our usage policies.", "refused"),
        ("I can assist: the code is fine.", "unparsed"),
        ("I cannot assist further.\nVerdict: vulnerable", "parsed"),
    ],
)
def test_a_refusal_is_a_state_of_its_own(text: str, state: str) -> None:
    assert strict(text).state == state


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("The code is vulnerable to injection.", "vulnerable"),
        ("The code is not vulnerable.", "fixed"),
        ("It is not secure, but it is sanitized.", "fixed"),
        ("Nothing to say.", "fixed"),
        ("   ", "unparsed"),
    ],
)
def test_keywords_are_counted_and_ties_are_secure(text: str, says: str) -> None:
    assert parse_keyword(text, Expectation(form="verdict")).says == says
