"""A steering study on a page and in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.report.pages.steer import page
from vulnscope.report.write_html import write_html
from vulnscope.report.write_terminal import write_terminal

if TYPE_CHECKING:
    from rich.console import Console

    from vulnscope.records.steer import SteerRecord


def render_steer(record: SteerRecord) -> str:
    """The page of one steering study."""
    return write_html(page(record))


def print_steer(record: SteerRecord, console: Console) -> None:
    """The same record for a terminal."""
    write_terminal(page(record), console)
