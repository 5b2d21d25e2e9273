"""A reproduced experiment on a page and in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.report.pages.reproduction import page
from vulnscope.report.write_html import write_html
from vulnscope.report.write_terminal import write_terminal

if TYPE_CHECKING:
    from rich.console import Console

    from vulnscope.records.reproduction import ReproductionRecord


def render_reproduction(record: ReproductionRecord) -> str:
    """The page of one reproduction."""
    return write_html(page(record))


def print_reproduction(record: ReproductionRecord, console: Console) -> None:
    """The same record for a terminal."""
    write_terminal(page(record), console)
