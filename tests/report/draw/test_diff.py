from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from vulnscope.report.draw.diff import DiffRow, diff_lines

CODE = st.lists(st.text(alphabet="ab(); =\t\u2028\x0c", max_size=12), max_size=8).map("\n".join)


def lines(code: str) -> list[str]:
    parts = re.split(r"\r\n|\r|\n", code)
    return parts[:-1] if parts[-1] == "" else parts


@given(CODE, CODE)
def test_both_sides_can_be_read_back(left: str, right: str) -> None:
    rows = diff_lines(left, right)
    assert ["".join(row.left) for row in rows if row.left is not None] == lines(left)
    after = [row.left if row.kind == "equal" else row.right for row in rows]
    assert ["".join(segments) for segments in after if segments is not None] == lines(right)


@given(CODE)
def test_equal_code_has_no_changed_row(code: str) -> None:
    assert all(row == DiffRow("equal", row.left, None) for row in diff_lines(code, code))


@given(CODE, CODE)
def test_only_changed_rows_hold_changed_segments(left: str, right: str) -> None:
    for row in diff_lines(left, right):
        sides = [side for side in (row.left, row.right) if side is not None]
        if row.kind == "equal":
            assert len(sides) == len(sides[0]) == 1
        else:
            same = ["".join(side[::2]) for side in sides]
            assert len(set(same)) == 1, "what is not marked is equal on both sides"


def test_the_changed_part_of_a_line_is_marked() -> None:
    (row,) = diff_lines("if (n > MAX)", "if (n >= MAX)")
    assert row == DiffRow(
        "changed", ("", "", "if (n >", "", " MAX)", "", ""), ("", "", "if (n >", "=", " MAX)", "", "")
    )


def test_lines_with_little_in_common_are_marked_whole() -> None:
    (row,) = diff_lines("free(session);", "return 17 + offset[i];")
    assert row == DiffRow("changed", ("", "free(session);"), ("", "return 17 + offset[i];"))


def test_a_line_without_a_counterpart_stands_alone() -> None:
    assert diff_lines("a\n", "a\nb\n") == (DiffRow("equal", ("a",), None), DiffRow("changed", None, ("", "b")))


def test_line_ends_of_all_systems_and_none_else() -> None:
    assert [row.left for row in diff_lines("a\r\nb\rc\nd\u2028\x0ce", "a\nb\nc\nd\u2028\x0ce")] == [
        ("a",),
        ("b",),
        ("c",),
        ("d\u2028\x0ce",),
    ]


def test_nothing() -> None:
    assert diff_lines("", "") == ()


def test_very_long_lines_and_files_are_not_compared_word_by_word() -> None:
    (row,) = diff_lines("x + " * 4000, "x + " * 4000 + "y")
    assert row.left == ("", "x + " * 4000)
    assert len(diff_lines("a\nb\n" * 3000, "a\nb\n" * 3000 + "c")) == 6001
