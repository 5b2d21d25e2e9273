"""The figures of a page as CSV: each under its section, row and column, and none a formula."""

from __future__ import annotations

import csv
import io

import pytest
from tests.report.blocks import make_page

from vulnscope.report.page import Cell, Fold, Map, Page, Section, Sides, Table, Text, Tile
from vulnscope.report.write_csv import write_csv


def read(page: Page) -> list[list[str]]:
    """The lines below the head."""
    head, *lines = csv.reader(io.StringIO(write_csv(page)))
    assert head == ["section", "table", "line", "row", "column", "figure"]
    return lines


def test_every_figure_has_a_line_wherever_its_table_stands() -> None:
    table = Table(("", "n", "p"), [("a", 7, Cell("0.1", ("[0, 1]",))), ("title",)])
    tiles = Map(["x"], [("b", [Tile("+2", 0.1, "tip")])])
    blocks = [Text("said"), table, Fold("more", [Sides([[tiles]])]), Table(("", "x"), [("c", 1)], only="terminal")]
    assert read(Page("t", "k", "s", sections=[Section("One", blocks)])) == [
        ["One", "1", "1", "a", "n", "7"],
        ["One", "1", "1", "a", "p", "0.1 [0, 1]"],
        ["One", "2", "1", "b", "x", "+2"],
    ]


@pytest.mark.parametrize(("text", "written"), [("=1+1", "'=1+1"), ("@x", "'@x"), ("-x", "'-x"), ("+0.1", "+0.1")])
def test_no_text_is_a_formula(text: str, written: str) -> None:
    (line,) = read(Page("t", "k", "s", sections=[Section("One", [Table(("", "x"), [("a", text)])])]))
    assert line[-1] == written


def test_control_characters_are_spelled_out() -> None:
    assert not {"\x1b", "\u202e"} & set(write_csv(make_page()))
