"""Writes the tables, maps and charts of a page as one CSV file, a line per figure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence

from vulnscope.report.page import Block, Fold, Page, Sides, Table, as_cell, as_head, as_table
from vulnscope.report.visible import show_invisible

# What a spreadsheet would run as a formula; a sign before a figure is none.
_FORMULA = re.compile(r"[=@\t\r]|[+-](?!\d)")


def write_csv(page: Page) -> str:
    """The figures as they read on the page; tables are numbered within their section, lines within their table."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("section", "table", "line", "row", "column", "figure"))
    for section in page.sections:
        for number, table in enumerate(_find_tables(section.blocks), start=1):
            for line, row in enumerate(table.rows, start=1):
                name, *cells = (" ".join((cell.text, *cell.below)) for cell in map(as_cell, row))
                for head, cell in zip(table.heads[1:], cells, strict=False):
                    writer.writerow(map(_plain, (section.name, str(number), str(line), name, as_head(head).text, cell)))
    return file.getvalue()


def _find_tables(blocks: Sequence[Block]) -> Iterator[Table]:
    for block in blocks:
        if block.only == "terminal":
            continue
        if (table := as_table(block)) is not None:
            yield table
        for inner in [block.blocks] if isinstance(block, Fold) else block.sides if isinstance(block, Sides) else ():
            yield from _find_tables(inner)


def _plain(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{show_invisible(text)}" if _FORMULA.match(text) else show_invisible(text)
