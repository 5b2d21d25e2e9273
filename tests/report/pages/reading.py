"""What a reader sees of a page, as markup and in a terminal: cells of tables, visible text, printed lines."""

from __future__ import annotations

import re
from html import unescape
from io import StringIO

from rich.console import Console

from vulnscope.report.page import Cell, Page, Table, as_cell, as_head
from vulnscope.report.write_html import write_blocks
from vulnscope.report.write_terminal import write_terminal


def read_tables(page: str) -> list[list[list[str]]]:
    """Every table as rows of cells, heads included; what stands below a figure follows it after a space."""
    return [
        [
            [read_text(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)]
            for row in re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
        ]
        for table in re.findall(r"<table.*?</table>", page, re.DOTALL)
    ]


def read_text(page: str) -> str:
    """Text without tags, white space as single spaces."""
    seen = re.sub(r"<(style|title)>.*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", seen)).split())


def print_plain(page: Page, width: int = 200) -> list[str]:
    """The lines that a terminal has, without those that are empty."""
    console = Console(file=StringIO(), width=width, color_system=None, force_terminal=False, legacy_windows=False)
    write_terminal(page, console)
    assert isinstance(console.file, StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines() if line.strip()]


def find_styles(page: Page) -> list[str]:
    """How each line that begins with a style is written."""
    console = Console(file=StringIO(), width=200, force_terminal=True, color_system="standard", legacy_windows=False)
    write_terminal(page, console)
    assert isinstance(console.file, StringIO)
    codes = re.findall(r"^\x1b\[(\d+)m", console.file.getvalue(), re.MULTILINE)
    return [{"1": "bold", "2": "dim", "32": "green", "33": "yellow"}[code] for code in codes]


def find_section(page: Page, name: str) -> str:
    """The section as HTML."""
    blocks = next(section.blocks for section in page.sections if section.name == name)
    return write_blocks(blocks).strip()


def read_row(table: Table, number: int = 0) -> list[tuple[str, Cell]]:
    """Heads and cells of a row of a table, side by side."""
    heads = (as_head(head).text for head in table.heads)
    return list(zip(heads, map(as_cell, table.rows[number]), strict=True))
