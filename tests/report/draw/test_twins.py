from __future__ import annotations

import re

from vulnscope.report.draw.twins import draw_twins

HOSTILE = "</td><script>alert(1)</script>\u202e"


def lines(page: str) -> list[str]:
    """Sign and text of each row."""
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", page, re.DOTALL)
    return [re.sub(r"<[^>]+>", "", row) for row in rows]


def test_lines_of_one_twin_come_before_those_of_the_other() -> None:
    page = draw_twins("a\nread(x)\nb\n", "a\nread(y)\nb\n")
    assert lines(page) == ["a", "−read(x)", "+read(y)", "b"]
    assert "<mark>x</mark>" in page
    assert "<mark>y</mark>" in page


def test_equal_lines_far_from_a_change_are_folded() -> None:
    same = "\n".join(f"line {number}" for number in range(20))
    shown = lines(draw_twins(f"{same}\nbad\n{same}", f"{same}\ngood\n{same}"))
    assert shown == [
        "17 equal lines", "line 17", "line 18", "line 19", "−bad", "+good", "line 0", "line 1", "line 2",
        "17 equal lines",
    ]  # fmt: skip


def test_long_changes_are_cut_with_a_count() -> None:
    shown = lines(draw_twins("\n".join(f"a{n}" for n in range(200)), "b"))
    assert len(shown) == 121
    assert shown[-1] == "81 more lines"


def test_code_never_becomes_markup() -> None:
    page = draw_twins(HOSTILE, "x")
    assert "<script" not in page
    assert "⟨U+202E⟩" in page
