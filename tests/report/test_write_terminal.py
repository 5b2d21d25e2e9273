"""The page for a terminal: brief, aligned, and nothing of it an escape sequence."""

from __future__ import annotations

import io

from rich.console import Console
from tests.report.blocks import make_page

from vulnscope.report.page import Cell, Head, LeftOut, Map, Page, Points, Section, Table, Text, Tile
from vulnscope.report.write_html import write_html
from vulnscope.report.write_markdown import write_markdown
from vulnscope.report.write_terminal import write_terminal


def show(*blocks: object, width: int = 60) -> list[str]:
    """The lines under the sentence."""
    console = Console(file=io.StringIO(), width=width, color_system=None)
    write_terminal(Page("t", "k", "said", sections=[Section("s", blocks, is_brief=True)]), console)  # type: ignore[arg-type]
    return [line.rstrip() for line in console.file.getvalue().splitlines()][1:]  # type: ignore[attr-defined]


def test_markup_and_escape_sequences_stay_text() -> None:
    console = Console(file=io.StringIO(), width=200, force_terminal=False)
    write_terminal(make_page(), console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "[bold]⟨U+001B⟩[31m⟨U+202E⟩" in shown
    assert "\x1b" not in shown


def test_notes_stand_right_under_the_sentence() -> None:
    console = Console(file=io.StringIO(), width=60, color_system=None)
    page = Page(
        "t", "k", "said", notes=["a thought was closed"], sections=[Section("s", [Text("more")], is_brief=True)]
    )
    write_terminal(page, console)
    assert console.file.getvalue().splitlines() == ["said", "a thought was closed", "more"]  # type: ignore[attr-defined]
    assert write_markdown(page).startswith("# t\n\nsaid\n\na thought was closed\n\n## s")
    assert '<p class="asked">a thought was closed</p>' in write_html(page)


def test_a_terminal_shows_its_columns_in_its_order_and_the_short_forms() -> None:
    heads = ("", Head("AUROC change", short="AUROC"), "cost", "bias")
    rows = [(Cell("add", ("at layer 3",)), Cell("0.1 [0, 1]", short="0.1"), "much", "+2")]
    assert show(Table(heads, rows, in_terminal=(0, 3, 1))) == ["", "     bias  AUROC", "add    +2    0.1"]


def test_a_table_stands_apart_and_a_row_of_one_cell_begins_a_group() -> None:
    table = Table(("slice", "n"), [("all", 9), ("By CWE",), ("CWE-89", 4)])
    assert show(Text("before"), table, Text("after")) == [
        "before", "", "slice   n", "all     9", "", "By CWE", "CWE-89  4", "after",
    ]  # fmt: skip
    assert show(Text("title", "hint", is_apart=True), table)[:3] == ["", "title", "slice   n"]


def test_a_map_is_a_table_of_its_figures() -> None:
    rows = [(Cell("layer 3", short="3"), [Tile("0.10", 0.1, "tip", short="0.10*"), None])]
    assert show(Map(["changed", "last"], rows, corner="layer")) == ["", "layer  changed  last", "3        0.10*   n/a"]


def test_lists_and_what_was_left_out_have_a_line_each() -> None:
    assert show(Points(["one", "two"]), LeftOut(["3 samples: too long"])) == [
        "- one", "- two", "left out: 3 samples: too long",
    ]  # fmt: skip


def test_what_only_a_page_shows_is_left_out() -> None:
    console = Console(file=io.StringIO(), width=60)
    write_terminal(Page("t", "k", "said", sections=[Section("s", [Text("whole")])]), console)
    assert console.file.getvalue() == "said\n"  # type: ignore[attr-defined]
    assert show(Text("whole", only="page"), Text("brief", only="terminal")) == ["brief"]
