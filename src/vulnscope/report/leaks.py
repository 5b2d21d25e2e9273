"""The leak audit of a corpus for a terminal: findings first, then what they rest on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from vulnscope.report.format import find_reason, format_count, format_estimate, show_invisible

if TYPE_CHECKING:
    from rich.console import Console

    from vulnscope.records.leaks import LeakRecord, Overlap

_N_WORDS = 8


def render_leaks(record: LeakRecord, console: Console) -> None:
    """Print the leak audit. Nothing of `record` is read as markup or reaches the terminal as an escape sequence."""
    what = f"{format_count(record.n_samples)} samples, {format_count(record.n_pairs)} pairs"
    console.print(_text(f"{record.corpus}: {what}, {format_count(record.n_groups)} groups", "bold"))
    for finding in record.findings or ("nothing found that gives the labels away",):
        console.print(_text(f"- {finding}", "yellow" if record.findings else "green"))
    for title, table in (
        ("What two sides share", _overlaps(record)),
        ("How far rules without a model get, out of group", _surface(record)),
        ("Words in the code that speak of the label", _words(record)),
    ):
        if table.row_count:
            console.print()
            console.print(_text(title, "bold"))
            console.print(table)
    within = record.within
    console.print()
    console.print(
        _text(
            f"within the corpus: {format_count(within.n_exact)} samples have a copy, {format_count(within.n_near)} a "
            f"near-duplicate, in {format_count(within.n_components)} components; the largest holds {within.largest}",
            "dim",
        )
    )
    reasons = [find_reason(figure) for rule in record.surface for figure in (rule.auroc, rule.pair_rank)]
    for reason in dict.fromkeys(reason for reason in reasons if reason is not None):
        console.print(_text(f"n/a: {reason}", "dim"))


def _overlaps(record: LeakRecord) -> Table:
    table = _table("left", "right", "copies", "near", "leaks", "origins shared")
    for overlap in record.overlaps:
        cells = (overlap.left, overlap.right, overlap.n_exact, overlap.n_near, overlap.n_leaks, _origins(overlap))
        table.add_row(*(_text(cell if isinstance(cell, str) else format_count(cell)) for cell in cells))
    return table


def _origins(overlap: Overlap) -> str:
    return ", ".join(f"{origin.n_shared} of {origin.n_right} by {origin.kind}" for origin in overlap.origins) or "none"


def _surface(record: LeakRecord) -> Table:
    table = _table("rule", "AUROC", "pair-rank")
    for rule in record.surface:
        figures = (format_estimate(figure, "score") for figure in (rule.auroc, rule.pair_rank))
        table.add_row(_text(rule.name), *map(_text, figures))
    return table


def _words(record: LeakRecord) -> Table:
    table = _table("word", "vulnerable", "fixed")
    for word in record.label_words[:_N_WORDS]:
        table.add_row(_text(word.word), _text(format_count(word.n_vulnerable)), _text(format_count(word.n_fixed)))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for place, column in enumerate(columns):
        is_text = place == 0 or column in ("right", "origins shared")
        table.add_column(column, justify="left" if is_text else "right", overflow="fold")
    return table


def _text(text: str, style: str = "") -> Text:
    return Text(show_invisible(text), style=style)
