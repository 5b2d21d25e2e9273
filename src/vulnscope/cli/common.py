"""What every command group shares: consoles, JSON output, the error paragraph, common options."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from vulnscope.records.base import Record

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


def print_json(record: Record) -> None:
    """Print one record as JSON on stdout, without colour or wrapping."""
    sys.stdout.write(record.model_dump_json(indent=2) + "\n")


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
