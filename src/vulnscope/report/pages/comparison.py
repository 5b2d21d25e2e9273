"""A comparison in brief: what changed, where, and which answers flipped.

In HTML it is the template `comparison.html.j2`, since it runs scripts; this is what a terminal, Markdown and CSV
say.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any, NamedTuple

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
    tell_coverages,
)
from vulnscope.report.page import Block, Head, Page, Section, Table, Text
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


def page(record: ComparisonRecord) -> Page:
    """What one comparison says, without its pictures and its code."""
    runs = [
        Text(f"{name}: {run.model}, {run.protocol}, run {run.run}", "hint")
        for name, run in (("before", record.before), ("after", record.after))
    ]
    differences = [Text(f"differs: {difference}", "hint") for difference in record.differences]
    return Page(
        title=f"{record.before.model} against {record.after.model} on {record.corpus.name}",
        kind="comparison",
        sentence=record.sentence,
        template="comparison.html.j2",
        record=record,
        sections=(
            Section(
                "What changed", [*runs, *differences, _table_changes(record.overall), *_tell_few(record)], is_brief=True
            ),
            Section(
                "Where it changed",
                [block for group in group_compared(record) for block in _list_slices(group)],
                is_brief=True,
            ),
            Section("Sample by sample", _list_flipped(record), is_brief=True),
        ),
    )


def _tell_few(record: ComparisonRecord) -> list[Block]:
    return [Text(few, "hint") for few in tell_coverages(change.change for change in record.overall.changes)]


def _table_changes(part: ComparedSlice) -> Table:
    heads = ("", "before", "after", "change", "p", Head("could have shown", is_wrapped=True))
    return Table(heads, [(change_label(change), *_show(change)) for change in part.changes])


def _show(change: Change) -> tuple[str, ...]:
    scale = change_scale(change)
    is_margin = change.measure == "margin"
    show = format_signed if is_margin else lambda value: format_number(value, scale)
    found = f"{format_change(change.change.value, scale)} {format_change_interval(change.change, scale)}".rstrip()
    detectable = "" if find_reason(change.detectable) else format_change(change.detectable, scale).replace("+", "±")
    return show(change.before), show(change.after), found, format_p(change.p_corrected), detectable


def _list_slices(group: ComparedGroup) -> list[Block]:
    rows = []
    for part in group.slices:
        accuracy = next(change for change in part.changes if change.measure == "accuracy")
        _, _, found, p, _ = _show(accuracy)
        name = describe_cwe(part.value) if part.kind == "cwe" else part.value
        rows.append((name, part.n_items, part.n_flipped, found, p))
    title = f"{group.title}, largest change first; p {group.slices[0].correction}"
    return [Text(title, "hint", is_apart=True), Table(("slice", "items", "flipped", "right answers", "p"), rows)]


def _list_flipped(record: ComparisonRecord) -> list[Block]:
    blocks: list[Block] = []
    flipped = [item for item in record.items if item.says[0] != item.says[1]]
    if flipped:
        blocks.append(Text(f"flipped, {min(_N_FLIPPED, len(flipped))} of {len(flipped)}", "hint", is_apart=True))
    for item in flipped[:_N_FLIPPED]:
        one, other = map(name_answer, item.says)
        blocks.append(Text(f"  {item.sample} ({item.label}): {one} → {other}"))
    if record.n_only_before or record.n_only_after:
        only = f"left out: {record.n_only_before} samples only before, {record.n_only_after} only after"
        blocks.append(Text(only, "warning"))
    return blocks
