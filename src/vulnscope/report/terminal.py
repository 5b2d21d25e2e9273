"""Audits and comparisons for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.records.comparison import ComparisonRecord
from vulnscope.report.pages import audit, comparison
from vulnscope.report.write_terminal import write_terminal

if TYPE_CHECKING:
    from rich.console import Console

    from vulnscope.records.audit import AuditRecord


def render_terminal(record: AuditRecord | ComparisonRecord, console: Console) -> None:
    """Print the record."""
    write_terminal(comparison.page(record) if isinstance(record, ComparisonRecord) else audit.page(record), console)
