"""Writes a page in Markdown: all that stands on it, pictures as tables of their figures.

Every text is escaped, so that nothing of a corpus or an answer becomes markup: in lines by `_plain`, in code by a fence
that is longer than any in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import unified_diff

from vulnscope.report.page import (
    Block,
    Code,
    Fold,
    LeftOut,
    Links,
    Page,
    Points,
    Sides,
    Table,
    Text,
    Twins,
    as_cell,
    as_head,
    as_table,
)
from vulnscope.report.visible import show_invisible

_MARKS = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]<>#|"})


def write_markdown(page: Page) -> str:
    """The page, with headings of three levels."""
    facts = [
        f"- **{_plain(fact.name)}**: {_plain(fact.value + f' ({fact.note})' * bool(fact.note))}" for fact in page.facts
    ]
    parts = [f"# {_plain(page.title)}", _plain(page.sentence), *map(_plain, page.notes), "\n".join(facts)]
    for section in page.sections:
        parts += [f"## {_plain(section.name)}", *_write_blocks(section.blocks)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _write_blocks(blocks: Sequence[Block]) -> Iterator[str]:
    for block in blocks:
        if block.only == "terminal":
            continue
        if (table := as_table(block)) is not None:
            yield _write_table(table)
        match block:
            case Text():
                yield f"### {_plain(block.text)}" if block.style == "heading" else _plain(block.text)
            case Points():
                mark = "1." if block.style == "numbers" else "-"
                yield "\n".join(f"{mark} {_plain(item)}" for item in block.items)
            case LeftOut():
                yield "\n".join(f"- {_plain(line)}" for line in block.lines) or "Nothing."
            case Links():
                links = (f"[{_plain(text)}](<{_plain(path)}>){_mark(note)}" for path, text, note in block.links)
                yield f"{_plain(block.lead)} {', '.join(links)}".lstrip()
            case Code():
                yield _write_code(block.text)
            case Twins():
                yield _write_code(_change(block), "diff")
            case Fold():
                words = (block.name, block.summary, block.below)
                yield _plain(" · ".join(word for word in words if word))
                yield from _write_blocks(block.blocks)
            case Sides():
                for side in block.sides:
                    yield from _write_blocks(side)


def _write_table(table: Table) -> str:
    lines = [[as_head(head).text for head in table.heads], ["---"] * len(table.heads)]
    for row in table.rows:
        cells = [" ".join((cell.text, *cell.below, *cell.reasons)) for cell in map(as_cell, row)]
        lines.append([*cells, *[""] * (len(table.heads) - len(cells))])
    return "\n".join(f"| {' | '.join(map(_plain, line))} |" for line in lines)


def _change(twins: Twins) -> str:
    both = (twins.vulnerable.split("\n"), twins.fixed.split("\n"))
    return "\n".join(unified_diff(*both, "vulnerable", "fixed", lineterm=""))


def _write_code(text: str, language: str = "") -> str:
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
    return f"{fence}{language}\n{show_invisible(text)}\n{fence}"


def _plain(text: str) -> str:
    return _mark(" ".join(text.split()))


def _mark(text: str) -> str:
    return show_invisible(text).translate(_MARKS)
