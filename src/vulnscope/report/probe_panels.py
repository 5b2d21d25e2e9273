"""A probing on a page and in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.report.pages.probe import page
from vulnscope.report.write_html import write_html
from vulnscope.report.write_terminal import write_terminal

if TYPE_CHECKING:
    from rich.console import Console

    from vulnscope.records.probe import ProbeRecord


def render_probe(record: ProbeRecord) -> str:
    """The page of one probing."""
    return write_html(page(record))


def print_probe(record: ProbeRecord, console: Console) -> None:
    """The same record for a terminal."""
    write_terminal(page(record), console)
