"""The golden files of the report: the page without its scripts, styles and data, and the terminal view."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

from rich.console import Console
from tests.report.panels import make_comparison, make_full_record
from tests.report.showing import render_html, render_terminal

from vulnscope.records.audit import AuditRecord
from vulnscope.records.comparison import ComparisonRecord

GOLDEN = Path(__file__).parent / "golden"

_BULK = (
    re.compile(r"(<script[^>]*>).*?(</script>)", re.S),
    re.compile(r"(<style>).*?(</style>)", re.S),
    re.compile(r'(http-equiv="Content-Security-Policy" content=").*?(">)'),
)


def render_golden() -> dict[str, str]:
    """File name to content."""
    records = {"audit": make_full_record(12), "comparison": make_comparison(n_items=10)}
    return {
        file: text
        for name, record in records.items()
        for file, text in ((f"{name}.html", _render_page(record)), (f"{name}.txt", render_text(record, width=140)))
    }


def _render_page(record: AuditRecord | ComparisonRecord) -> str:
    page = render_html(record)
    for pattern in _BULK:
        page = pattern.sub(r"\1…\2", page)
    return page


def render_text(record: object, width: int) -> str:
    """The terminal view, without colour, at `width` columns."""
    console = Console(file=StringIO(), width=width, color_system=None, force_terminal=False, legacy_windows=False)
    render_terminal(record, console)  # type: ignore[arg-type]
    assert isinstance(console.file, StringIO)
    return re.sub(r" +$", "", console.file.getvalue(), flags=re.M)
