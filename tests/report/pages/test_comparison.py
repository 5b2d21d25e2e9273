"""What a terminal says of a comparison: each figure in its column, the flipped answers and what was left out."""

from __future__ import annotations

from tests.report.pages.reading import read_row
from tests.report.panels import make_comparison

from vulnscope.report.page import Table, Text
from vulnscope.report.pages.comparison import page


def test_figures_stand_in_their_columns() -> None:
    changed, where, _ = page(make_comparison()).sections
    (table,) = (block for block in changed.blocks if isinstance(block, Table))
    assert [(head, cell.text) for head, cell in read_row(table)] == [
        ("", "Right answers"),
        ("before", "50 %"),
        ("after", "52 %"),
        ("change", "+2.5 [−3.5, +8.5]"),
        ("p", "1.000"),
        ("could have shown", "±9.0"),
    ]
    assert [cell.text for _, cell in read_row(table, 6)][1:4] == ["+0.50", "+0.53", "+0.03 [−0.03, +0.08]"]
    title, slices = where.blocks
    assert isinstance(title, Text)
    assert title.text == "By CWE, largest change first; p Holm over 2"
    assert isinstance(slices, Table)
    assert [(head, cell.text) for head, cell in read_row(slices)] == [
        ("slice", "CWE-89 SQL Injection"),
        ("items", "80"),
        ("flipped", "6"),
        ("right answers", "+20.0 [+14.0, +26.0]"),
        ("p", "1.000"),
    ]


def test_flipped_answers_come_first_ten_at_most_and_what_only_one_run_has_last() -> None:
    blocks = page(make_comparison()).sections[2].blocks
    lines = [block.text for block in blocks if isinstance(block, Text)]
    assert lines[0] == "flipped, 6 of 6"
    assert lines[1] == "  0 (vulnerable): secure → vulnerable"
    assert len(lines) == 8
    assert lines[-1] == "left out: 2 samples only before, 0 only after"
