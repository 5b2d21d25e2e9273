"""What of a comparison stands where on its page and in the terminal. Chooses, orders and words; computes no figure."""

from __future__ import annotations

from itertools import groupby
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vulnscope.cwe import describe_cwe
from vulnscope.records.comparison import Change, ComparedSlice, ComparisonRecord
from vulnscope.report.format import (
    Scale,
    find_reason,
    format_change,
    format_change_interval,
    format_number,
    format_p,
    format_signed,
    name_answer,
    show_invisible,
)
from vulnscope.report.view import KIND_TITLES

LABELS: dict[str, str] = {
    "accuracy": "Right answers",
    "pair-correct": "Both twins right",
    "pair-rank": "Twins ranked right",
    "auroc": "AUROC",
    "yes-rate": "Says vulnerable",
    "unparsed": "No clear answer",
    "margin": "Margin, nats",
}
_SCORES = ("auroc", "margin")
_N_FLIPPED = 10


class ComparedGroup(NamedTuple):
    """The slices of one kind, largest change first."""

    title: str
    slices: tuple[ComparedSlice, ...]


def change_label(change: Change) -> str:
    """What the figure is called."""
    return LABELS[change.measure]


def change_scale(change: Change) -> Scale:
    """Rates change in points, scores as they are."""
    return "score" if change.measure in _SCORES else "rate"


def group_compared(record: ComparisonRecord) -> tuple[ComparedGroup, ...]:
    """The slices by kind, in the order of the record."""
    return tuple(
        ComparedGroup(KIND_TITLES[kind], tuple(parts)) for kind, parts in groupby(record.slices, lambda part: part.kind)
    )


def chart_data(record: ComparisonRecord) -> dict[str, Any]:
    """Margins before and after, as plain values."""
    return {
        "pairs": [],
        "moves": [[item.label, *item.margins, *item.says, item.sample, item.cwe] for item in record.items]
        if record.is_one_unit
        else [],
    }


def print_comparison(record: ComparisonRecord, console: Console) -> None:
    """Print the comparison. Nothing of `record` is read as markup or reaches the terminal as an escape sequence."""
    console.print(_text(record.sentence, "bold"))
    for name, run in (("before", record.before), ("after", record.after)):
        console.print(_text(f"{name}: {run.model}, {run.protocol}, run {run.run}", "dim"))
    for difference in record.differences:
        console.print(_text(f"differs: {difference}", "dim"))
    console.print()
    console.print(_changes(record.overall))
    for group in group_compared(record):
        console.print()
        console.print(_text(f"{group.title}, largest change first; p {group.slices[0].correction}", "dim"))
        console.print(_slices(group))
    flipped = [item for item in record.items if item.says[0] != item.says[1]]
    if flipped:
        console.print()
        console.print(_text(f"flipped, {min(_N_FLIPPED, len(flipped))} of {len(flipped)}", "dim"))
        for item in flipped[:_N_FLIPPED]:
            one, other = map(name_answer, item.says)
            console.print(_text(f"  {item.sample} ({item.label}): {one} → {other}"))
    if record.n_only_before or record.n_only_after:
        only = f"left out: {record.n_only_before} samples only before, {record.n_only_after} only after"
        console.print(_text(only, "yellow"))


def _changes(part: ComparedSlice) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("")
    for name in ("before", "after", "change", "p", "could have shown"):
        table.add_column(name, justify="right", no_wrap=name != "could have shown")
    for change in part.changes:
        table.add_row(_text(change_label(change)), *map(_text, _cells(change)))
    return table


def _cells(change: Change) -> tuple[str, ...]:
    scale = change_scale(change)
    is_margin = change.measure == "margin"
    show = format_signed if is_margin else lambda value: format_number(value, scale)
    found = f"{format_change(change.change.value, scale)} {format_change_interval(change.change, scale)}".rstrip()
    detectable = "" if find_reason(change.detectable) else format_change(change.detectable, scale).replace("+", "±")
    return show(change.before), show(change.after), found, format_p(change.p_corrected), detectable


def _slices(group: ComparedGroup) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("slice", overflow="fold")
    for name in ("items", "flipped", "right answers", "p"):
        table.add_column(name, justify="right", no_wrap=True)
    for part in group.slices:
        accuracy = next(change for change in part.changes if change.measure == "accuracy")
        _, _, found, p, _ = _cells(accuracy)
        name = describe_cwe(part.value) if part.kind == "cwe" else part.value
        table.add_row(_text(name), _text(str(part.n_items)), _text(str(part.n_flipped)), _text(found), _text(p))
    return table


def _text(text: str, style: str = "") -> Text:
    return Text(show_invisible(text), style=style)
