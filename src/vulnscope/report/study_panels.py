"""A study on a page and in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.report.pages.study import page
from vulnscope.report.write_html import write_html
from vulnscope.report.write_terminal import write_terminal

if TYPE_CHECKING:
    from rich.console import Console

    from vulnscope.records.study import StudyRecord


def render_study(record: StudyRecord) -> str:
    """The page of one study."""
    return write_html(page(record))


def print_study(record: StudyRecord, console: Console) -> None:
    """The same record for a terminal."""
    write_terminal(page(record), console)
