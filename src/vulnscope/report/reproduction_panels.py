"""The page of a reproduced experiment: what was written beside what is right, then every setting in one table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vulnscope.records.base import Estimate, NotMeasured, Number
from vulnscope.records.reproduction import Judged, ModelMemory, ReproducedRow, ReproductionRecord
from vulnscope.report.format import (
    find_reason,
    format_interval,
    format_number,
    format_p,
    merge_reasons,
    show_invisible,
    show_number,
)
from vulnscope.report.panels import clean, draw_facts, draw_notes, draw_reproduction, draw_table, render_page

_OLD_HEADS = ("steered", "answers changed", "vulnerable right", "fixed right")
_DEFAULT_HEADS = ("calls vulnerable", "AUROC", "pair-rank", "margin shift")
_LEAD = (
    "Columns up to “fixed right” are the old protocol: greedy answers in words, read by the keyword parser. The others "
    "are the default protocol on the same samples under the same edit: the share it calls vulnerable, how well its "
    "margin ranks samples (AUROC) and twins (pair-rank), and how far margins move, in nats. Ranges run over layers, "
    "normalisation and scale; each setting with its intervals is below."
)
_SETTING_HEADS = (
    "setting", "1 token: empty", "vulnerable right", "fixed right", "50 tokens: empty", "vulnerable right",
    "fixed right", "pair-correct", "verdicts changed", "calls vulnerable", "AUROC", "pair-rank", "p", "margin shift",
)  # fmt: skip


def render_reproduction(record: ReproductionRecord) -> str:
    """The page. Every text of `record` is escaped; equal records give equal bytes."""
    meaning = [(name, show_invisible(what)) for name, what in record.indexings.items()]
    sections = [
        ("As written and done right", Markup('<p class="lead">{}</p>').format(_LEAD) + _draw_summary(record)),
        ("What each indexing edits", draw_table(("indexing", "what it edits"), meaning)),
        ("Every setting", _draw_settings(record)),
        ("Memory", draw_table(*_memory_table(record.memory))),
        ("Left out and clamped", draw_notes(record.notes, record.left_out)),
        ("Reproduce", draw_reproduction(record.command, record.config, record.versions, record.run)),
    ]
    facts = draw_facts(record.subject, record.corpus, [("Preset", record.preset, f"{len(record.rows)} settings")])
    title = f"{record.subject.name} on {record.corpus.name}, {record.preset}"
    return render_page(title, "reproduction", record.sentence, sections, facts)


def print_reproduction(record: ReproductionRecord, console: Console) -> None:
    """The sentence, the ranges by prompt and indexing, and the memory of the models, for a terminal."""
    console.print(Text(show_invisible(record.sentence), style="bold"), soft_wrap=True)
    for note in record.notes:
        console.print(Text(f"- {show_invisible(note)}"), soft_wrap=True)
    for prompt, lines in summarise_rows(record).items():
        old = [(line.indexing, *line.old_protocol) for line in lines]
        default = [(line.indexing, *line.default_protocol) for line in lines]
        _print_table(console, (f"{prompt} prompt, as then", *_OLD_HEADS), old)
        _print_table(console, (f"{prompt} prompt, by default", *_DEFAULT_HEADS), default)
    _print_table(console, *_memory_table(record.memory))


class SummaryLine(NamedTuple):
    """What one indexing gives: the lowest and highest of each figure over layers, normalisation and scale."""

    indexing: str
    old_protocol: tuple[str, ...]
    default_protocol: tuple[str, ...]


def summarise_rows(record: ReproductionRecord) -> dict[str, list[SummaryLine]]:
    """One line per indexing, by prompt."""
    found: dict[tuple[str, str], list[ReproducedRow]] = {}
    for row in record.rows:
        found.setdefault((row.prompt, row.indexing), []).append(row)
    lines: dict[str, list[SummaryLine]] = {}
    for (prompt, indexing), own in found.items():
        old = (
            f"{own[0].n_steered} of {len(record.samples)}",
            _range([float(row.whole_answer.n_changed_answers) for row in own], digits=0),
            _range([row.whole_answer.vulnerable_right for row in own]),
            _range([row.whole_answer.fixed_right for row in own]),
        )
        default = (
            _range([row.default.yes_rate for row in own]),
            _range([row.default.auroc for row in own]),
            _range([row.default.pair_rank for row in own]),
            _range([row.default.bias_shift_nats for row in own]),
        )
        lines.setdefault(prompt, []).append(SummaryLine(indexing, old, default))
    return lines


def _draw_summary(record: ReproductionRecord) -> Markup:
    parts = [
        Markup("<h3>{} prompt</h3>{}").format(
            clean(prompt),
            draw_table(
                ("indexing", *_OLD_HEADS, *_DEFAULT_HEADS),
                [(line.indexing, *line.old_protocol, *line.default_protocol) for line in lines],
                is_figures=True,
            ),
        )
        for prompt, lines in summarise_rows(record).items()
    ]
    return Markup("").join(parts)


def _draw_settings(record: ReproductionRecord) -> Markup:
    """Without steering in the open, then a table to unfold for each prompt and indexing."""
    found: dict[str, list[ReproducedRow]] = {}
    for row in record.rows:
        if row.layers:
            found.setdefault(f"{row.prompt} prompt, {row.indexing}", []).append(row)
    folded = Markup("").join(
        Markup("<details><summary>{}: {} setting{}</summary>{}</details>").format(
            clean(name), len(rows), "" if len(rows) == 1 else "s", _draw_rows(rows)
        )
        for name, rows in found.items()
    )
    reasons = merge_reasons(reason for row in record.rows if (reason := find_reason(row.default.auroc)))
    notes = (
        "An empty answer is never right; one without a phrase of either kind counts as secure.",
        f"p is that of the change of pair-rank; below it, corrected over all settings ({record.correction}).",
        *(f"No interval of the AUROC: {reason}." for reason in reasons),
    )
    hints = Markup("").join(Markup('<p class="hint">{}</p>').format(clean(note)) for note in notes)
    return _draw_rows([row for row in record.rows if not row.layers]) + hints + folded


def _draw_rows(rows: Sequence[ReproducedRow]) -> Markup:
    shown = [
        (
            _name(row),
            row.first_token.n_unparsed,
            _stack(row.first_token.vulnerable_right),
            _stack(row.first_token.fixed_right),
            row.whole_answer.n_unparsed,
            _stack(row.whole_answer.vulnerable_right),
            _stack(row.whole_answer.fixed_right),
            _stack(row.whole_answer.pair_correct),
            row.whole_answer.n_changed_verdicts,
            _stack(row.default.yes_rate),
            _stack(row.default.auroc),
            _stack(row.default.pair_rank),
            _stack_p(row.default),
            show_number(row.default.bias_shift_nats, is_signed=True),
        )
        for row in rows
    ]
    return draw_table(_SETTING_HEADS, shown, is_stacked=True)


def _stack(estimate: Estimate) -> Markup:
    """The figure over its interval; why there is none stands below the table."""
    interval = format_interval(estimate, "score")
    small = Markup("<small>{}</small>").format(interval) if interval else Markup("")
    return Markup("{}{}").format(format_number(estimate.value, "score"), small)


def _stack_p(default: Judged) -> Markup:
    if isinstance(default.pair_rank_p, NotMeasured):
        return Markup("–")
    return Markup("{}<small>{}</small>").format(format_p(default.pair_rank_p), format_p(default.pair_rank_p_corrected))


def _name(row: ReproducedRow) -> str:
    if not row.layers:
        return f"{row.prompt} prompt, not steered"
    length = "normalised" if row.is_normalised else "not normalised"
    edited = ", ".join(map(str, row.layers))
    clamped = "" if edited == row.layers_asked.replace(",", ", ") else f" → {edited}"
    return f"{row.layers_asked}{clamped}; {length}; × {row.scale:g}"


def _print_table(console: Console, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table whose first column takes the lines that the figures leave."""
    table = Table(box=None, pad_edge=False)
    for number, head in enumerate(heads):
        is_name = number == 0
        table.add_column(
            head if is_name else head.replace(" ", "\n", 1),
            justify="left" if is_name else "right",
            no_wrap=not is_name,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*map(show_invisible, row))
    console.print()
    console.print(table)


def _memory_table(memory: Sequence[ModelMemory]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    calls = " or ".join(dict.fromkeys(f"{each.batch} × {each.length:,} tokens" for each in memory))
    heads = ("model", "parameters", "weights in bf16", "in 4 bits", f"forward of {calls}")
    rows: list[tuple[str, ...]] = [
        (
            each.name,
            f"{each.n_parameters:,}",
            _gibibytes(each.bf16_bytes),
            _gibibytes(each.nf4_bytes),
            _gibibytes(each.forward_bytes),
        )
        for each in memory
    ]
    return heads, rows


def _gibibytes(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:.1f} GiB"


def _range(values: Sequence[Estimate | Number], digits: int = 2) -> str:
    """Lowest and highest of what was measured."""
    plain = [value.value if isinstance(value, Estimate) else value for value in values]
    known = [value for value in plain if not isinstance(value, NotMeasured)]
    if not known:
        return "n/a"
    low, high = (show_number(value, digits) for value in (min(known), max(known)))
    return low if low == high else f"{low} to {high}"
