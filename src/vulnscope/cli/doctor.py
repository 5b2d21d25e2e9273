"""`vulnscope doctor`: what works on this machine and what would help."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.table import Table
from rich.text import Text

from vulnscope.cli.common import print_json, stdout
from vulnscope.cli.options import Json, RunsDir

if TYPE_CHECKING:
    from vulnscope.records.machine import MachineReport

_STYLES = {"ok": "green", "missing": "yellow", "failed": "bold red"}


def doctor(runs_dir: RunsDir = Path("runs"), as_json: Json = False) -> None:
    """Check versions, devices, memory, disk, the embedded model and optional extras. Exit 1 if a check failed."""
    from vulnscope import api

    report = api.inspect_machine(runs_dir)
    if as_json:
        print_json(report)
    else:
        stdout.print(_table(report))
    if not report.is_healthy:
        raise typer.Exit(1)


def _table(report: MachineReport) -> Table:
    table = Table(box=None, pad_edge=False)
    for header in ("check", "state", "found", "what helps"):
        table.add_column(header, overflow="fold")
    for check in report.checks:
        table.add_row(
            Text(check.name),
            Text(check.state, style=_STYLES[check.state]),
            Text(check.detail),
            Text(check.remedy or ""),
        )
    return table
