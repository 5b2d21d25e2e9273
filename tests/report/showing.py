"""Audits and comparisons, on a page and in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.records.comparison import ComparisonRecord
from vulnscope.report.pages import audit as audit
from vulnscope.report.pages import comparison as comparison
from vulnscope.report.write_html import write_html
from vulnscope.report.write_terminal import write_terminal

if TYPE_CHECKING:
    from rich.console import Console

    from vulnscope.records.audit import AuditRecord
    from vulnscope.report.page import Page


def render_html(record: AuditRecord | ComparisonRecord) -> str:
    """The page as HTML."""
    return write_html(_describe(record))


def render_terminal(record: AuditRecord | ComparisonRecord, console: Console) -> None:
    """Print the page."""
    write_terminal(_describe(record), console)


def _describe(record: AuditRecord | ComparisonRecord) -> Page:
    return comparison.page(record) if isinstance(record, ComparisonRecord) else audit.page(record)
