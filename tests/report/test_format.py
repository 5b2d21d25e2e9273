from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vulnscope.records.base import Estimate, NotMeasured, Number, not_measured
from vulnscope.report.format import (
    find_reason,
    format_change,
    format_change_interval,
    format_count,
    format_estimate,
    format_interval,
    format_number,
    format_p,
    format_signed,
    format_signed_estimate,
    format_signed_interval,
    merge_reasons,
    name_answer,
    show_estimate,
    show_number,
)
from vulnscope.report.visible import show_invisible

MISSING = NotMeasured(reason="too few groups")


def estimate(value: Number, low: Number, high: Number) -> Estimate:
    return Estimate(value=value, low=low, high=high, method="bca", n=10, n_groups=10)


@pytest.mark.parametrize(
    ("value", "rate", "score"),
    [
        (0.0, "0 %", "0.00"),
        (0.004, "0.4 %", "0.004"),
        (0.0004, "0.04 %", "0.00"),
        # A digit more where a whole percent would be 0 or 100; from .95 on it is 1, up to 99.05 it is 99.
        (0.0094, "0.9 %", "0.01"),
        (0.0095, "1 %", "0.01"),
        (0.014, "1 %", "0.01"),
        (0.029, "3 %", "0.03"),
        (0.5, "50 %", "0.50"),
        (0.9905, "99 %", "0.99"),
        (0.9906, "99.1 %", "0.99"),
        (0.996, "99.6 %", "0.996"),
        (0.99996, "99.996 %", "1.00"),
        # A thousand millionth of a percent is an end of an interval that missed its number.
        (1.0, "100 %", "1.00"),
        (1 - 4e-12, "100 %", "1.00"),
        (4e-12, "0 %", "0.00"),
        (MISSING, "n/a", "n/a"),
    ],
)
def test_numbers(value: Number, rate: str, score: str) -> None:
    assert (format_number(value, "rate"), format_number(value, "score")) == (rate, score)


def test_a_score_below_zero_has_a_real_minus() -> None:
    assert format_number(-0.25, "score") == "−0.25"


def test_estimates() -> None:
    assert format_estimate(estimate(0.52, 0.46, 0.58), "rate") == "52 % [46, 58]"
    assert format_estimate(estimate(0.52, 0.46, 0.58), "score") == "0.52 [0.46, 0.58]"
    assert format_estimate(estimate(0.52, MISSING, MISSING), "rate") == "52 %"
    assert format_interval(estimate(0.52, 0.4, MISSING), "rate") == ""
    assert format_estimate(not_measured("no pairs"), "rate") == "n/a"


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.2, "+1.20"), (-0.314, "−0.31"), (-0.001, "−0.001"), (5.6e-17, "0.00"), (0.0, "0.00"), (MISSING, "n/a")],
)
def test_signed(value: Number, text: str) -> None:
    assert format_signed(value) == text


def test_signed_estimates() -> None:
    assert format_signed_interval(estimate(0.12, -0.1, 0.24)) == "[−0.10, +0.24]"
    assert format_signed_estimate(estimate(0.12, -0.1, 0.24)) == "+0.12 [−0.10, +0.24]"
    for low, high in ((MISSING, MISSING), (-0.1, MISSING), (MISSING, 0.24)):
        assert format_signed_interval(estimate(0.12, low, high)) == ""
        assert format_signed_estimate(estimate(0.12, low, high)) == "+0.12"


@pytest.mark.parametrize(
    ("value", "rate", "score"),
    [
        (0.032, "+3.2", "+0.03"),
        (-0.5, "−50.0", "−0.50"),
        (-0.01, "−1.0", "−0.01"),
        (0.01, "+1.0", "+0.01"),
        (0.0004, "+0.04", "+0.0004"),
        (-0.0004, "−0.04", "−0.0004"),
        (4e-9, "0.0", "0.00"),
        (MISSING, "n/a", "n/a"),
    ],
)
def test_changes(value: Number, rate: str, score: str) -> None:
    assert (format_change(value, "rate"), format_change(value, "score")) == (rate, score)


def test_intervals_of_changes() -> None:
    assert format_change_interval(estimate(0.02, -0.004, 0.061), "rate") == "[−0.4, +6.1]"
    assert format_change_interval(estimate(0.02, -0.004, 0.061), "score") == "[−0.004, +0.06]"
    for low, high in ((MISSING, MISSING), (-0.1, MISSING), (MISSING, 0.24)):
        assert format_change_interval(estimate(0.12, low, high), "rate") == ""


def test_answers_claim_what_a_reader_knows() -> None:
    assert [name_answer(says) for says in ("vulnerable", "fixed", "unparsed")] == ["vulnerable", "secure", "unparsed"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0004, "< 0.001"),
        (0.001, "0.001"),
        (0.0099, "0.010"),
        (0.03, "0.030"),
        (1.0, "1.000"),
        (MISSING, "n/a"),
    ],
)
def test_p(value: Number, text: str) -> None:
    assert format_p(value) == text


def test_a_difference_beside_its_p_never_reads_as_none() -> None:
    for change in (0.004, -0.00021, 3e-5):
        assert float(format_signed(change).replace("−", "-")) != 0
        assert float(format_change(change, "rate").replace("−", "-")) != 0


def test_counts() -> None:
    assert format_count(3148992) == "3,148,992"


def test_reasons_come_from_the_value_or_else_the_interval() -> None:
    assert find_reason(0.5) is None
    assert find_reason(MISSING) == "too few groups"
    assert find_reason(estimate(0.5, 0.4, 0.6)) is None
    assert find_reason(estimate(0.5, 0.4, MISSING)) == "too few groups"
    assert find_reason(not_measured("no pairs")) == "no pairs"
    value, low, high = (NotMeasured(reason=part) for part in ("value", "low", "high"))
    assert find_reason(estimate(value, low, high)) == "value"
    assert find_reason(estimate(0.5, low, high)) == "low"


def test_what_makes_text_read_other_than_it_is_becomes_visible() -> None:
    assert show_invisible("a\x1b[31mb") == "a⟨U+001B⟩[31mb"
    assert show_invisible("if (x) /*\u202e } \u2066*/") == "if (x) /*⟨U+202E⟩ } ⟨U+2066⟩*/"
    assert show_invisible("pass\u200bword\ufeff\u2028\ud800") == "pass⟨U+200B⟩word⟨U+FEFF⟩⟨U+2028⟩⟨U+D800⟩"
    assert show_invisible("tab\tline\nnaïve ☃ 日本") == "tab\tline\nnaïve ☃ 日本"


@given(st.text())
def test_visible_text_stays(text: str) -> None:
    once = show_invisible(text)
    assert show_invisible(once) == once
    once.encode("utf-8")
    assert not any(ord(c) < 32 for c in once.replace("\t", "").replace("\n", ""))


def test_reasons_that_differ_only_in_numbers_are_one() -> None:
    reasons = [
        "too few groups (23, 30 needed)",
        "no pairs",
        "too few groups (3, 30 needed)",
        "too few groups (3, 30 needed)",
        "nothing of CWE-22",
        "nothing of CWE-89",
        "only 99 of 1,000",
        "only 1,234 of 1,000",
        "a spread of 0.05",
        "a spread of 0.06",
    ]
    assert merge_reasons(reasons) == [
        "too few groups (3–23, 30 needed)",
        "no pairs",
        "nothing of CWE-22",
        "nothing of CWE-89",
        "only 99–1,234 of 1,000",
        "a spread of 0.05",
        "a spread of 0.06",
    ]
    assert merge_reasons([]) == []


@given(st.lists(st.text(alphabet="ab 1,.-9")))
def test_merged_reasons_stand_once_and_lose_none(reasons: list[str]) -> None:
    merged = merge_reasons(reasons)
    assert len(merged) <= len(set(reasons))
    for reason in reasons:
        assert merge_reasons([reason]) == [reason]


@pytest.mark.parametrize(
    ("value", "is_signed", "text"),
    [
        (0.5, False, "0.50"),
        (-0.5, True, "−0.50"),
        (0.5, True, "+0.50"),
        (-0.001, True, "−0.001"),
        (-1e-9, True, "0.00"),
        (-1e-9, False, "0.00"),
    ],
)
def test_numbers_read_alike_and_zero_has_no_sign(value: float, is_signed: bool, text: str) -> None:
    assert show_number(value, is_signed=is_signed) == text


def test_what_is_missing_says_why() -> None:
    assert show_number(NotMeasured(reason="no pairs")) == "n/a: no pairs"
    assert show_estimate(not_measured("no pairs")) == "n/a: no pairs"
    half = Estimate(
        value=0.5, low=NotMeasured(reason="few"), high=NotMeasured(reason="few"), method="none", n=2, n_groups=2
    )
    assert show_estimate(half) == "0.50 (no interval: few)"
    assert show_estimate(None) == ""
