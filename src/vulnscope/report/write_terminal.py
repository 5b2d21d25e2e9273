"""Writes a page for a terminal: the sentence, then of the brief sections what stands in the open.

Nothing of a page is read as markup or reaches the terminal as an escape sequence: every text goes through `_text`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table as RichTable
from rich.text import Text as RichText

from vulnscope.report.page import Block, Head, LeftOut, Map, Page, Points, Row, Table, Text, as_cell, as_head, as_table
from vulnscope.report.visible import show_invisible

if TYPE_CHECKING:
    from rich.console import Console

_STYLES = {
    "plain": "",
    "strong": "bold",
    "heading": "bold",
    "lead": "",
    "hint": "dim",
    "warning": "yellow",
    "good": "green",
}

# Below this many columns a table shows only what fits without breaking a figure.
_WIDE = 118


def write_terminal(page: Page, console: Console) -> None:
    """Print the page."""
    if page.sentence:
        console.print(_text(page.sentence, "bold"), soft_wrap=page.is_soft)
    for note in page.notes:
        console.print(_text(note, "yellow"), soft_wrap=page.is_soft)
    brief = [block for section in page.sections if section.is_brief for block in section.blocks]
    write_blocks(brief, console, is_first=not page.sentence, is_soft=page.is_soft)


def write_blocks(blocks: Sequence[Block], console: Console, *, is_first: bool = False, is_soft: bool = False) -> None:
    """Print the blocks that a terminal shows; a table stands apart, unless it is first or under its title."""
    is_titled = is_first
    for block in blocks:
        if block.only == "page":
            continue
        table = as_table(block) if isinstance(block, Table | Map) else None
        if block.is_apart or (table and not is_titled):
            console.print()
        if table:
            console.print(_table(table, is_narrow=console.width < _WIDE))
        elif isinstance(block, Text | Points | LeftOut):
            for line in _lines(block):
                console.print(line, soft_wrap=is_soft)
        is_titled = block.is_apart or (isinstance(block, Text) and block.style == "heading")


def _lines(block: Text | Points | LeftOut) -> list[RichText]:
    if isinstance(block, Text):
        return [_text(block.text, _STYLES[block.style])]
    if isinstance(block, LeftOut):
        return [_text(f"left out: {line}", "yellow") for line in block.lines]
    return [_text(f"- {item}", "dim" if block.style == "hint" else "") for item in block.items]


def _table(block: Table, *, is_narrow: bool) -> RichTable:
    chosen = (block.in_narrow_terminal if is_narrow else None) or block.in_terminal
    shown = range(len(block.heads)) if chosen is None else chosen
    table = _start_table([as_head(block.heads[place]) for place in shown])
    for number, row in enumerate(block.rows):
        if len(row) == 1 < len(block.heads):
            if number:
                table.add_row()
            table.add_row(_cell(row, 0, "dim"))
        else:
            table.add_row(*(_cell(row, place) for place in shown))
    return table


def _start_table(heads: Sequence[Head]) -> RichTable:
    """Names to the left, in the room that figures leave; these to the right, each on one line."""
    table = RichTable(
        box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", show_header=any(head.text for head in heads)
    )
    for place, head in enumerate(heads):
        is_name = place == 0 or head.is_left
        table.add_column(
            _text(head.text if head.short is None else head.short),
            justify="left" if is_name else "right",
            no_wrap=not (place == 0 or head.is_wrapped),
            overflow="fold",
            style="dim" if head.is_soft else "",
        )
    return table


def _cell(row: Row, place: int, style: str = "") -> RichText:
    cell = as_cell(row[place])
    return _text(cell.text if cell.short is None else cell.short, "bold" if cell.is_strong else style)


def _text(text: str, style: str = "") -> RichText:
    return RichText(show_invisible(text), style=style)
