"""What every command group shares: consoles, JSON output, the error paragraph."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from vulnscope.records.base import Record

R = TypeVar("R", bound="Record")

stdout = Console()
stderr = Console(stderr=True)


def command_line() -> str:
    """What the user typed, for the manifest."""
    return shlex.join(["vulnscope", *sys.argv[1:]])


def print_json(record: Record) -> None:
    """Print one record as JSON on stdout, without colour or wrapping."""
    sys.stdout.write(record.model_dump_json(indent=2) + "\n")


def show_record(record: R, show: Callable[[R, Console], None], report: Path | None = None, *, as_json: bool) -> None:
    """Print a record as JSON, or as its terminal view with the path of its page."""
    if as_json:
        print_json(record)
        return
    show(record, stdout)
    if report is not None:
        stdout.print(f"\nreport: {report}", soft_wrap=True, highlight=False)


def print_error(message: str) -> None:
    """Print one paragraph on stderr; brackets in file names are not markup."""
    stderr.print(Text.assemble(("error: ", "bold red"), message), soft_wrap=True)


def print_note(message: str) -> None:
    """Print one message on stderr."""
    stderr.print(Text(message, style="dim"), soft_wrap=True)


def version_callback(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
) -> None:
    """Look inside a code language model: what it says and what it knows about software vulnerabilities."""
    if version:
        from vulnscope import __version__

        sys.stdout.write(f"vulnscope {__version__}\n")
        raise typer.Exit
