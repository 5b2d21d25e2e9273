"""What a reader sees of inert markup and of a terminal: cells of tables, visible text, printed lines."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from io import StringIO
from typing import TypeVar

from rich.console import Console

Shown = TypeVar("Shown")


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


def print_plain(show: Callable[[Shown, Console], None], record: Shown, width: int = 200) -> list[str]:
    """The lines that `show` prints, without those that are empty."""
    console = Console(file=StringIO(), width=width, color_system=None, force_terminal=False, legacy_windows=False)
    show(record, console)
    assert isinstance(console.file, StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines() if line.strip()]


def find_styles(show: Callable[[Shown, Console], None], record: Shown) -> list[str]:
    """How each line that begins with a style is written."""
    console = Console(file=StringIO(), width=200, force_terminal=True, color_system="standard", legacy_windows=False)
    show(record, console)
    assert isinstance(console.file, StringIO)
    codes = re.findall(r"^\x1b\[(\d+)m", console.file.getvalue(), re.MULTILINE)
    return [{"1": "bold", "2": "dim", "32": "green", "33": "yellow"}[code] for code in codes]
