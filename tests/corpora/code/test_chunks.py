from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vulnscope.corpora.code.chunks import cut_code, cut_twins
from vulnscope.corpora.code.text import keep_lines, split_lines
from vulnscope.errors import InputError

C_FILE = """\
#include <stdio.h>

static int one(void)
{
    return 1;
}

static int two(int a)
{
    int b = a;
    b += 1;
    return b;
}

int three(void) { return 3; }
"""
lines = st.lists(st.sampled_from(["alpha", "be", "c", "", "delta = 1"]), min_size=1, max_size=30)
texts = lines.map("\n".join).filter(lambda text: bool(text.strip()))


def at_most(n_characters: int) -> Callable[[str], bool]:
    return lambda text: len(text) <= n_characters


def test_what_fits_is_left_alone() -> None:
    assert cut_code("a\nb\n", "c", (), at_most(4)) == ("a\nb\n", None)


def test_around_the_changed_lines() -> None:
    code = "\n".join(f"line {number}" for number in range(1, 100))
    text, cut = cut_code(code, "c", (50, 52), at_most(60))
    assert cut is not None
    assert cut.kind == "changed-window"
    assert cut.first_line <= 50 <= 52 <= cut.last_line
    assert cut.n_lines == 99
    assert text == keep_lines(code, cut.first_line, cut.last_line)
    assert abs((50 - cut.first_line) - (cut.last_line - 52)) <= 1


def test_changes_far_apart_show_the_first() -> None:
    code = "\n".join(f"line {number}" for number in range(1, 100))
    _, cut = cut_code(code, "c", (10, 90), at_most(60))
    assert cut is not None
    assert cut.first_line <= 10 <= cut.last_line < 90


def test_by_function_where_no_change_is_known() -> None:
    text, cut = cut_code(C_FILE, "c", (), at_most(80))
    assert cut is not None
    assert cut.kind == "function"
    assert text.startswith("static int two")
    assert text.endswith("}")
    assert (cut.first_line, cut.last_line) == (8, 13)


def test_functions_that_follow_each_other_stay_together() -> None:
    text, cut = cut_code(C_FILE, "c", (), at_most(len(C_FILE) - 10))
    assert cut is not None
    assert cut.kind == "function"
    assert (cut.first_line, cut.last_line) == (3, 15)
    assert "#include" not in text


def test_from_the_head_without_functions() -> None:
    assert cut_code("one\ntwo\nthree\n", "c", (), at_most(8))[0] == "one\ntwo"
    cut = cut_code(C_FILE, "cobol", (), at_most(30)).cut
    assert cut is not None
    assert (cut.kind, cut.first_line, cut.last_line) == ("head", 1, 2)


def test_one_long_line_is_cut_within() -> None:
    text, cut = cut_code("x" * 100, "c", (), at_most(30))
    assert text == "x" * 30
    assert cut is not None
    assert (cut.first_line, cut.last_line, cut.n_lines) == (1, 1, 1)


def test_nothing_fits() -> None:
    with pytest.raises(InputError, match="the prompt alone fills the context"):
        cut_code("abc", "c", (), lambda text: not text)


def test_twins_get_the_same_window() -> None:
    shared = [f"line {number}" for number in range(1, 60)]
    before = "\n".join([*shared[:30], "old", *shared[30:]])
    after = "\n".join([*shared[:30], "new", "and more", *shared[30:]])
    cuts = cut_twins(before, after, "c", at_most(90))
    assert cuts.before.cut is not None
    assert cuts.after.cut is not None
    assert cuts.before.text.replace("old", "new\nand more") == cuts.after.text
    assert cuts.before.cut.first_line == cuts.after.cut.first_line
    assert cuts.before.cut.last_line + 1 == cuts.after.cut.last_line


def test_a_twin_that_fits_is_cut_with_the_one_that_does_not() -> None:
    shared = "\n".join(f"line {number}" for number in range(10))
    cuts = cut_twins(shared, shared + "\n" + "\n".join("added" * 2 for _ in range(10)), "c", at_most(100))
    assert cuts.before.cut is not None
    assert cuts.after.text.startswith(cuts.before.text)


def test_equal_twins_are_cut_alike() -> None:
    cuts = cut_twins(C_FILE, C_FILE, "c", at_most(80))
    assert cuts.before == cuts.after
    assert cuts.before.cut is not None
    assert cuts.before.cut.kind == "function"


@given(texts, st.integers(min_value=1, max_value=60), st.lists(st.integers(min_value=-3, max_value=40), max_size=6))
def test_a_cut_fits_and_is_a_run_of_the_lines(text: str, limit: int, changed: list[int]) -> None:
    try:
        cut = cut_code(text, "python", changed, at_most(limit))
    except InputError:
        assert not text[:limit].strip()
        return
    assert len(cut.text) <= limit
    if cut.cut is None:
        assert cut.text == text
    else:
        assert cut.cut.n_lines == len(split_lines(text))
        kept = keep_lines(text, cut.cut.first_line, cut.cut.last_line)
        assert kept == cut.text or (cut.cut.kind == "head" and text.startswith(cut.text))


@given(texts, texts, st.integers(min_value=12, max_value=80))
def test_cut_twins_fit_and_share_their_window(before: str, after: str, limit: int) -> None:
    try:
        cuts = cut_twins(before, after, "c", at_most(limit))
    except InputError:
        return
    assert len(cuts.before.text) <= limit
    assert len(cuts.after.text) <= limit
    assert (cuts.before.cut is None) == (cuts.after.cut is None)
    if cuts.before.cut is not None and cuts.after.cut is not None:
        assert cuts.before.cut.kind == cuts.after.cut.kind
