"""The same record for a terminal: the verdict, the key figures, the slices, further figures, what was left out."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from vulnscope.records.audit import AuditRecord, Slice
from vulnscope.records.base import Estimate, NotMeasured
from vulnscope.records.comparison import ComparisonRecord
from vulnscope.report.comparison import print_comparison
from vulnscope.report.format import (
    Scale,
    find_reason,
    format_count,
    format_estimate,
    format_number,
    format_p,
    format_signed,
    merge_reasons,
    show_invisible,
)
from vulnscope.report.further import FurtherFigure, list_further
from vulnscope.report.view import find_best_baseline, group_slices, is_synthetic, list_tiles, name_slice

# Below this many columns the slices show only what fits without breaking a figure.
_WIDE = 118


def render_terminal(record: AuditRecord | ComparisonRecord, console: Console) -> None:
    """Print the record. Nothing of it is read as markup or reaches the terminal as an escape sequence."""
    if isinstance(record, ComparisonRecord):
        print_comparison(record, console)
        return
    console.print(Text(show_invisible(record.sentence), style="bold"))
    console.print(_source(record))
    console.print()
    console.print(_key_figures(record))
    console.print()
    console.print(_slices(record, is_wide=console.width >= _WIDE))
    if further := list_further(record):
        console.print()
        console.print(_further(further))
    for line in _background(record):
        console.print(line)
    for line in (*_states(record), *_reasons(record), *_left_out(record)):
        console.print(Padding(line, (0, 0, 0, 2)))


def _corpus(record: AuditRecord) -> Text:
    kind = " (synthetic: generated code)" if is_synthetic(record.corpus) else ""
    return _text(f"corpus {record.corpus.name}{kind}", "dim")


def _source(record: AuditRecord) -> Text:
    overall = record.overall
    counts = f"{format_count(overall.n_pairs)} pairs in {format_count(overall.n_groups)} groups"
    what = f"model {record.subject.name}, {_corpus(record)}: {counts}, grouped {record.corpus.grouping}"
    return _text(what, "dim")


def _key_figures(record: AuditRecord) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(justify="right")
    table.add_column(style="dim")
    for tile in list_tiles(record):
        table.add_row(_text(tile.label), _figure(tile.estimate, tile.scale), _text(tile.note))
    return table


def _further(figures: Sequence[FurtherFigure]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim", overflow="fold")
    for each in figures:
        table.add_row(_text(each.label), _text(each.figure), _text(each.note))
    return table


def _slices(record: AuditRecord, *, is_wide: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", title=_corpus(record))
    table.title_justify = "left"
    table.add_column("slice", overflow="fold")
    for name in ("pairs", "says vuln.", "both right", "ranked right", *(("AUROC",) if is_wide else ())):
        table.add_column(name, justify="right", no_wrap=True)
    if is_wide:
        for name in ("p", "d′", "c"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("best baseline", style="dim", overflow="fold")
    for place, group in enumerate(group_slices(record)):
        if place > 0:
            table.add_row()
            table.add_row(_text(group.title, "dim"))
        for part in group.slices:
            table.add_row(*_slice_row(part, is_wide=is_wide))
    return table


def _slice_row(part: Slice, *, is_wide: bool) -> list[Text]:
    row = [
        _text(name_slice(part), "bold" if part.kind == "all" else ""),
        _text(format_count(part.n_pairs)),
        _figure(part.yes_rate, "rate"),
        _figure(part.pair_correct, "rate"),
        _figure(part.pair_rank, "rate"),
    ]
    if not is_wide:
        return row
    best = find_best_baseline(part.baselines)
    return [
        *row,
        _figure(part.auroc, "score"),
        _text(format_p(part.pair_rank_p_corrected)),
        _text(format_signed(part.d_prime)),
        _text(format_signed(part.criterion)),
        _text(f"{best.name} {format_number(best.auroc.value, 'score')}" if best else "n/a"),
    ]


def _background(record: AuditRecord) -> list[Text]:
    """What deployment would be like, where ordinary code was given."""
    found = record.background
    if found is None:
        return []
    files = f"{format_count(found.n_functions)} ordinary functions of {format_count(found.n_files)} files"
    lines = [
        _text(""),
        _text(f"{files}; precision where {format_number(found.prevalence, 'rate')} are vulnerable", "dim"),
    ]
    if found.asked:
        lines.append(_text(f"asked {found.asked}", "dim"))
    for point in found.points:
        if isinstance(point.alarm_rate.value, NotMeasured):
            lines.append(_text(f"{point.name}: n/a, {point.alarm_rate.value.reason}"))
            continue
        figures = ", ".join(
            f"{name} {format_estimate(estimate, 'rate')}"
            for name, estimate in (
                ("alarms", point.alarm_rate),
                ("recall", point.recall),
                ("precision", point.precision),
            )
        )
        lines.append(_text(f"{point.name}: {figures}"))
        if point.warning:
            lines.append(_text(f"  {point.warning}", "yellow"))
    return lines


def _reasons(record: AuditRecord) -> list[Text]:
    """Why figures or their intervals read n/a, each kind of reason once."""
    figures = [
        value
        for part in (record.overall, *record.slices)
        for value in (part.yes_rate, part.pair_correct, part.pair_rank, part.auroc, part.d_prime)
    ]
    reasons = merge_reasons(reason for value in figures if (reason := find_reason(value)))
    return [_text(f"n/a: {reason}", "dim") for reason in reasons]


def _states(record: AuditRecord) -> list[Text]:
    """How many answers have no verdict, and why that may be."""
    states = record.answers.states if record.answers else {}
    counts = [f"{format_count(n)} {state}" for state, n in states.items() if n and state != "parsed"]
    if not counts:
        return []
    line = f"no verdict: {', '.join(counts)} of {_count(sum(states.values()), 'answer')}"
    hint = "; cut: --max-new-tokens was reached, or the prompt is longer than the model reads"
    return [_text(line + hint * bool(states.get("cut")))]


def _left_out(record: AuditRecord) -> list[Text]:
    lines = [f"left out: {_count(entry.n, 'sample')}, {entry.reason}" for entry in record.left_out]
    if record.corpus.bad_rows:
        lines.append(f"left out: {_count(len(record.corpus.bad_rows), 'row')} that could not be read")
    lines.extend(record.corpus.problems)
    lines.extend(f"switched off: {feature}" for feature in record.subject.switched_off)
    return [_text(line, "yellow") for line in lines]


def _count(n: int, noun: str) -> str:
    return f"{format_count(n)} {noun}{'' if n == 1 else 's'}"


def _figure(estimate: Estimate, scale: Scale) -> Text:
    return _text(format_estimate(estimate, scale))


def _text(text: str, style: str = "") -> Text:
    return Text(show_invisible(text), style=style)
