"""Two studies side by side on a page and in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.report.pages.against import page
from vulnscope.report.write_html import write_html
from vulnscope.report.write_terminal import write_terminal

if TYPE_CHECKING:
    from rich.console import Console

    from vulnscope.records.against import AgainstRecord


def render_against(record: AgainstRecord) -> str:
    """The page of two studies."""
    return write_html(page(record))


def print_against(record: AgainstRecord, console: Console) -> None:
    """The same record for a terminal."""
    write_terminal(page(record), console)
