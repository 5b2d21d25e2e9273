"""What every command group shares: consoles, JSON output, the error paragraph."""

from __future__ import annotations

import logging
import shlex
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.console import Console
from rich.segment import Segment
from rich.text import Text

from vulnscope.report.visible import escape_invisible, show_invisible

if TYPE_CHECKING:
    from rich.console import ConsoleOptions, RenderableType

    from vulnscope.records.base import Record

R = TypeVar("R", bound="Record")


class VisibleConsole(Console):
    """A console that spells out control characters in texts; the only escapes that leave are its own colours."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of `renderable`, their texts made visible."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else show_invisible(text), style, control)


class _Visible(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return show_invisible(super().format(record))


stdout = VisibleConsole()
stderr = VisibleConsole(stderr=True)
if logging.lastResort is not None:  # prints the messages of a command line
    logging.lastResort.setFormatter(_Visible())


def command_line() -> str:
    """What the user typed, for the manifest."""
    return shlex.join(["vulnscope", *sys.argv[1:]])


def print_json(record: Record) -> None:
    """Print one record as JSON on stdout, without colour or wrapping."""
    sys.stdout.write(escape_invisible(record.model_dump_json(indent=2)) + "\n")


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
