"""A reproduced experiment: what was written beside what is right, then every setting in one table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vulnscope.records.base import Estimate, NotMeasured, Number
from vulnscope.report.format import (
    find_reason,
    format_interval,
    format_number,
    format_p,
    merge_reasons,
    show_number,
)
from vulnscope.report.page import Block, Cell, Fact, Fold, Head, LeftOut, Page, Points, Section, Table, Text
from vulnscope.report.pages.common import count_left_out, make_page
from vulnscope.study.presets.record import Judged, ModelMemory, ReproducedRow, ReproductionRecord

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


def page(record: ReproductionRecord) -> Page:
    """What one reproduction says."""
    left_out = [*count_left_out(record.left_out), *record.notes]
    return make_page(
        record,
        "reproduction",
        f"{record.subject.name} on {record.corpus.name}, {record.preset}",
        facts=(Fact("Preset", record.preset, f"{len(record.rows)} settings"),),
        sections=(
            Section("As written and done right", _list_summaries(record), is_brief=True),
            Section("What each indexing edits", [Table(("indexing", "what it edits"), list(record.indexings.items()))]),
            Section("Every setting", _list_settings(record)),
            Section("Memory", [_table_memory(record.memory)], is_brief=True),
            Section("Left out and clamped", [LeftOut(left_out)]),
        ),
        is_soft=True,
    )


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


def _list_summaries(record: ReproductionRecord) -> list[Block]:
    """The ranges by prompt and indexing; a terminal shows the notes first and each protocol by itself."""
    blocks: list[Block] = [Points(record.notes, only="terminal"), Text(_LEAD, "lead", only="page")]
    for prompt, lines in summarise_rows(record).items():
        old = [(line.indexing, *line.old_protocol) for line in lines]
        default = [(line.indexing, *line.default_protocol) for line in lines]
        both = [(*one, *other[1:]) for one, other in zip(old, default, strict=True)]
        blocks += [
            Text(f"{prompt} prompt", "heading", only="page"),
            Table(("indexing", *_OLD_HEADS, *_DEFAULT_HEADS), both, form="figures", only="page"),
            Table((f"{prompt} prompt, as then", *map(_narrow, _OLD_HEADS)), old, only="terminal"),
            Table((f"{prompt} prompt, by default", *map(_narrow, _DEFAULT_HEADS)), default, only="terminal"),
        ]
    return blocks


def _list_settings(record: ReproductionRecord) -> list[Block]:
    """Without steering in the open, then a table to unfold for each prompt and indexing."""
    found: dict[str, list[ReproducedRow]] = {}
    for row in record.rows:
        if row.layers:
            found.setdefault(f"{row.prompt} prompt, {row.indexing}", []).append(row)
    reasons = merge_reasons(reason for row in record.rows if (reason := find_reason(row.default.auroc)))
    notes = (
        "An empty answer is never right; one without a phrase of either kind counts as secure.",
        f"p is that of the change of pair-rank; below it, corrected over all settings ({record.correction}).",
        *(f"No interval of the AUROC: {reason}." for reason in reasons),
    )
    return [
        _table_rows([row for row in record.rows if not row.layers]),
        *(Text(note, "hint") for note in notes),
        *(
            Fold(f"{name}: {len(rows)} setting{'' if len(rows) == 1 else 's'}", [_table_rows(rows)])
            for name, rows in found.items()
        ),
    ]


def _table_rows(rows: Sequence[ReproducedRow]) -> Table:
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
    return Table(_SETTING_HEADS, shown, form="stacked")


def _stack(estimate: Estimate) -> Cell:
    """The figure over its interval; why there is none stands below the table."""
    interval = format_interval(estimate, "score")
    return Cell(format_number(estimate.value, "score"), (interval,) if interval else ())


def _stack_p(default: Judged) -> Cell:
    if isinstance(default.pair_rank_p, NotMeasured):
        return Cell("–")
    return Cell(format_p(default.pair_rank_p), (format_p(default.pair_rank_p_corrected),))


def _narrow(head: str) -> Head:
    return Head(head, short=head.replace(" ", "\n", 1))


def _name(row: ReproducedRow) -> str:
    if not row.layers:
        return f"{row.prompt} prompt, not steered"
    length = "normalised" if row.is_normalised else "not normalised"
    edited = ", ".join(map(str, row.layers))
    clamped = "" if edited == row.layers_asked.replace(",", ", ") else f" → {edited}"
    return f"{row.layers_asked}{clamped}; {length}; × {row.scale:g}"


def _table_memory(memory: Sequence[ModelMemory]) -> Table:
    calls = " or ".join(dict.fromkeys(f"{each.batch} × {each.length:,} tokens" for each in memory))
    heads = ("parameters", "weights in bf16", "in 4 bits", f"forward of {calls}")
    rows = [
        (
            each.name,
            f"{each.n_parameters:,}",
            _gibibytes(each.bf16_bytes),
            _gibibytes(each.nf4_bytes),
            _gibibytes(each.forward_bytes),
        )
        for each in memory
    ]
    return Table(("model", *map(_narrow, heads)), rows)


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
