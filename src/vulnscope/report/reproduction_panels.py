"""The page of a reproduced experiment: what was written beside what is right, then every setting in one table."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vulnscope.records.base import Estimate, NotMeasured, Number
from vulnscope.records.reproduction import ModelMemory, ReproducedRow, ReproductionRecord
from vulnscope.report.format import show_invisible
from vulnscope.report.panels import (
    draw_facts,
    draw_notes,
    draw_reproduction,
    draw_table,
    render_page,
    show_estimate,
    show_number,
)

_HEADS = (
    "prompt", "indexing", "steered", "answers changed", "vulnerable right", "fixed right", "calls vulnerable", "AUROC",
    "margin shift",
)  # fmt: skip
_LEAD = (
    "Columns up to “fixed right” are the old protocol: greedy answers in words, read by the keyword parser. The others "
    "are the default protocol on the same samples under the same edit. Ranges run over layers, normalisation and scale."
)


def render_reproduction(record: ReproductionRecord) -> str:
    """The page. Every text of `record` is escaped; equal records give equal bytes."""
    meaning = [(name, show_invisible(what)) for name, what in record.indexings.items()]
    sections = [
        ("As written and done right", Markup('<p class="lead">{}</p>').format(_LEAD) + _draw_summary(record)),
        ("What each indexing edits", draw_table(("indexing", "what it edits"), meaning)),
        ("Every setting", _draw_settings(record.rows)),
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
    for heads, rows in ((_HEADS, summarise_rows(record)), _memory_table(record.memory)):
        table = Table(box=None, pad_edge=False)
        for number, head in enumerate(heads):
            table.add_column(head, justify="left" if number < 1 else "right", overflow="fold")
        for row in rows:
            table.add_row(*map(show_invisible, row))
        console.print()
        console.print(table)


def summarise_rows(record: ReproductionRecord) -> list[tuple[str, ...]]:
    """One line per prompt and indexing: the lowest and highest of each figure over all other choices."""
    found: dict[tuple[str, str], list[ReproducedRow]] = {}
    for row in record.rows:
        found.setdefault((row.prompt, row.indexing), []).append(row)
    return [
        (
            prompt,
            indexing,
            f"{own[0].n_steered} of {len(record.samples)}",
            _range([float(row.whole_answer.n_changed_answers) for row in own], digits=0),
            _range([row.whole_answer.vulnerable_right for row in own]),
            _range([row.whole_answer.fixed_right for row in own]),
            _range([row.default.yes_rate for row in own]),
            _range([row.default.auroc for row in own]),
            _range([row.default.bias_shift_nats for row in own]),
        )
        for (prompt, indexing), own in found.items()
    ]


def _draw_summary(record: ReproductionRecord) -> Markup:
    return draw_table(_HEADS, summarise_rows(record))


def _draw_settings(rows: Sequence[ReproducedRow]) -> Markup:
    heads = (
        "setting", "layers edited", "1 token: vulnerable right", "fixed right", "50 tokens: vulnerable right",
        "fixed right", "pair-correct", "unparsed", "verdicts changed", "calls vulnerable", "AUROC", "pair-rank",
        "margin shift",
    )  # fmt: skip
    shown = [
        (
            _name(row),
            ", ".join(map(str, row.layers)) or "none",
            show_estimate(row.first_token.vulnerable_right),
            show_estimate(row.first_token.fixed_right),
            show_estimate(row.whole_answer.vulnerable_right),
            show_estimate(row.whole_answer.fixed_right),
            show_estimate(row.whole_answer.pair_correct),
            row.whole_answer.n_unparsed,
            row.whole_answer.n_changed_verdicts,
            show_estimate(row.default.yes_rate),
            show_estimate(row.default.auroc),
            show_estimate(row.default.pair_rank),
            show_number(row.default.bias_shift_nats, is_signed=True),
        )
        for row in rows
    ]
    return draw_table(heads, shown)


def _name(row: ReproducedRow) -> str:
    if not row.layers_asked:
        return f"{row.prompt}, not steered"
    length = "normalised" if row.is_normalised else "not normalised"
    return f"{row.prompt}, {row.indexing}, layers {row.layers_asked}, {length}, × {row.scale:g}"


def _memory_table(memory: Sequence[ModelMemory]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    heads = ("model", "parameters", "weights in bf16", "in 4 bits", "one forward beside them")
    rows: list[tuple[str, ...]] = [
        (
            each.name,
            f"{each.n_parameters:,}",
            _gibibytes(each.bf16_bytes),
            _gibibytes(each.nf4_bytes),
            f"{_gibibytes(each.forward_bytes)} ({each.batch} × {each.length} tokens)",
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
