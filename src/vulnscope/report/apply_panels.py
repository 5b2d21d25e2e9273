"""An applied intervention on a page and in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from vulnscope.report.format import show_invisible
from vulnscope.report.pages.apply import page
from vulnscope.report.write_html import write_html
from vulnscope.report.write_terminal import write_terminal

if TYPE_CHECKING:
    from rich.console import Console

    from vulnscope.records.apply import ApplyRecord, SteeredText


def render_apply(record: ApplyRecord) -> str:
    """The page of one applied intervention."""
    return write_html(page(record))


def print_apply(record: ApplyRecord, console: Console) -> None:
    """The same record for a terminal."""
    write_terminal(page(record), console)


def print_steered(found: SteeredText, console: Console) -> None:
    """Both continuations of one text, one below the other."""
    for name, text in (("un-steered", found.plain), (f"steered: {found.intervention} ({found.what})", found.steered)):
        console.print(Text(f"--- {name}", style="dim"), soft_wrap=True)
        console.print(Text(show_invisible(text)), soft_wrap=True)
