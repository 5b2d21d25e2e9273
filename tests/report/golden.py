"""The golden files of the report: the page without its scripts, styles and data, and the terminal view."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

from rich.console import Console
from tests.report.records import make_record

from vulnscope.report import render_html, render_terminal

GOLDEN = Path(__file__).parent / "golden"

_BULK = (
    re.compile(r"(<script[^>]*>).*?(</script>)", re.S),
    re.compile(r"(<style>).*?(</style>)", re.S),
    re.compile(r'(http-equiv="Content-Security-Policy" content=").*?(">)'),
)


def render_golden() -> dict[str, str]:
    """File name to content."""
    record = make_record(12)
    page = render_html(record)
    for pattern in _BULK:
        page = pattern.sub(r"\1…\2", page)
    return {"audit.html": page, "audit.txt": render_text(record, width=140)}


def render_text(record: object, width: int) -> str:
    """The terminal view, without colour, at `width` columns."""
    console = Console(file=StringIO(), width=width, color_system=None, force_terminal=False, legacy_windows=False)
    render_terminal(record, console)  # type: ignore[arg-type]
    assert isinstance(console.file, StringIO)
    return re.sub(r" +$", "", console.file.getvalue(), flags=re.M)
