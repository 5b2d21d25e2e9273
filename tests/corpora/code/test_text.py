from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vulnscope.corpora.code.text import (
    RowError,
    decode,
    is_python,
    keep_lines,
    language_of,
    read_text,
    show_controls,
    split_lines,
)


def test_only_a_line_feed_ends_a_line() -> None:
    assert split_lines("a\r\nb\x0cc\u2028d\x85e\n") == ["a", "b\x0cc\u2028d\x85e"]
    assert split_lines("") == []
    assert split_lines("\n\n") == ["", ""]


@given(st.text(alphabet="ab\n\r\x0c\u2028", max_size=20))
def test_lines_agree_with_counting_line_feeds(text: str) -> None:
    n_lines = text.count("\n") + (not text.endswith("\n") and bool(text))
    assert len(split_lines(text)) == n_lines
    assert keep_lines(text, 1, n_lines) == text.removesuffix("\n")


def test_keep_lines() -> None:
    assert keep_lines("a\nb\nc\n", 2, 3) == "b\nc"
    assert keep_lines("a\nb\nc\n", 2, 1) == ""


def test_the_byte_that_is_not_utf8_is_named_with_its_place() -> None:
    with pytest.raises(RowError, match="not UTF-8: byte 0xff at byte position 103"):
        decode(b"abc\xff", offset=100)
    assert decode(b"\xef\xbb\xbfabc") == "abc"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(RowError, match="cannot be read: "):
        read_text(tmp_path)


@pytest.mark.parametrize(
    ("suffix", "language"),
    [(".c", "c"), (".C", "cpp"), (".h", "c"), (".PY", "python"), (".cc", "cpp"), ("", "unknown")],
)
def test_language_by_suffix(suffix: str, language: str) -> None:
    assert language_of(suffix) == language


def test_controls_are_shown_instead_of_obeyed() -> None:
    assert show_controls("a\x1b[31m\x00\r\tb\n\u202e\x9b\x7f") == "a␛[31m␀␍\tb\n<U+202E><U+009B>␡"
    assert show_controls("naïve – “quoted” 漢字") == "naïve – “quoted” 漢字"


@pytest.mark.parametrize(
    ("completion", "is_code"),
    [
        ("    return a\n", True),
        # What comes behind the last complete line is left out.
        ("    return a\nif (", True),
        ("    return (\n", False),
        ("    return a", False),
        ("  \n", False),
        ("    a = '\x00'\n", False),
    ],
)
def test_only_complete_lines_must_parse(completion: str, is_code: bool) -> None:
    assert is_python("def f(a):\n    b = a\n", completion) is is_code
