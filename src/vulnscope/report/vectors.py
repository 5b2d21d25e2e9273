"""Steering for a terminal: how far pair differences agree, what a vector file holds, one text with and without."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from vulnscope.report.format import show_invisible

if TYPE_CHECKING:
    from rich.console import Console

    from vulnscope.records.apply import SteeredText
    from vulnscope.records.steer import Agreement, VectorFile


def print_agreement(rows: Sequence[Agreement], console: Console) -> None:
    """Site by site, before there is a result."""
    table = Table(
        box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", title="agreement of pair differences"
    )
    table.title_justify = "left"
    for name in ("site", "tokens", "mean cosine", "pairs", "norm unit"):
        table.add_column(name, justify="left" if name in ("site", "tokens") else "right")
    for row in rows:
        shown = f"{row.mean_cosine:+.3f}" if isinstance(row.mean_cosine, float) else "n/a"
        table.add_row(row.site, row.selector, shown, str(row.n_pairs), f"{row.unit:.2f}")
    console.print(table)


def print_vectors(found: VectorFile, console: Console) -> None:
    """The vectors of a file, after an empty line."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("vector", overflow="fold")
    table.add_column("norm", justify="right")
    table.add_column("norm unit", justify="right")
    for vector in found.vectors:
        table.add_row(Text(vector.name), f"{vector.norm:.3g}", "n/a" if vector.unit is None else f"{vector.unit:.3g}")
    console.print()
    console.print(table)


def print_steered(found: SteeredText, console: Console) -> None:
    """Both continuations of one text, one below the other."""
    for name, text in (("un-steered", found.plain), (f"steered: {found.intervention} ({found.what})", found.steered)):
        console.print(Text(f"--- {name}", style="dim"), soft_wrap=True)
        console.print(Text(show_invisible(text)), soft_wrap=True)
