"""What every command group shares: consoles, JSON output, the error paragraph, common options."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from vulnscope.errors import InputError
from vulnscope.records.base import Record

R = TypeVar("R", bound=Record)

stdout = Console()
stderr = Console(stderr=True)

DataDir = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the corpus in its published layout; default: $VULNSCOPE_DATA/NAME where that is set.",
        show_default=False,
    ),
]
RunsDir = Annotated[
    Path, typer.Option(envvar="VULNSCOPE_RUNS", help="Folder that holds the run folders.", file_okay=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print the result record as JSON on stdout.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps, ...")]
Dtype = Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")]
Revision = Annotated[str | None, typer.Option(help="Branch, tag or commit of a Hub model.", show_default=False)]


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


def parse_options(options: list[str], flag: str = "--option") -> dict[str, str]:
    """`["code=func"]` as `{"code": "func"}`; raises `InputError` on a word without `=` or a key given twice."""
    parsed: dict[str, str] = {}
    for option in options:
        key, separator, value = option.partition("=")
        if not separator or not key:
            raise InputError(f"{flag} {option!r} is not of the form KEY=VALUE")
        if key in parsed:
            raise InputError(f"{flag} {key} is given twice: {parsed[key]!r} and {value!r}")
        parsed[key] = value
    return parsed


def progress_bar() -> Progress:
    """A bar with rate and time left on stderr; silent where stderr is no terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeRemainingColumn(),
        console=stderr,
        transient=True,
        disable=not stderr.is_terminal,
    )


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f}/s" if task.speed else "", style="progress.data.speed")


def version_callback(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
) -> None:
    """Look inside a code language model: what it says and what it knows about software vulnerabilities."""
    if version:
        from vulnscope import __version__

        sys.stdout.write(f"vulnscope {__version__}\n")
        raise typer.Exit
