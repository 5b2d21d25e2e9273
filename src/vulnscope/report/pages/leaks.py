"""The leak audit of a corpus, and its data card: what the corpus holds, and what gives its labels away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vulnscope.report.format import find_reason, format_count, format_estimate, tell_coverages
from vulnscope.report.page import Block, Fact, Head, Page, Points, Row, Section, Table, Text

if TYPE_CHECKING:
    from vulnscope.records.corpus import CorpusStats, Spread
    from vulnscope.records.leaks import LeakRecord, Overlap

_N_WORDS = 8
_N_MOST = 12


def page(record: LeakRecord) -> Page:
    """Findings first, then what they rest on."""
    counts = f"{format_count(record.n_samples)} samples, {format_count(record.n_pairs)} pairs"
    found = [Text(f"- {finding}", "warning") for finding in record.findings]
    within = record.within
    reasons = [find_reason(figure) for rule in record.surface for figure in (rule.auroc, rule.pair_rank)]
    blocks = [
        *(found or [Text("- nothing found that gives the labels away", "good")]),
        *_title("What two sides share", _table_overlaps(record)),
        *_title("How far rules without a model get, out of group", _table_surface(record)),
        *_title("Words in the code that speak of the label", _table_words(record, _N_WORDS)),
        Text(
            f"within the corpus: {format_count(within.n_exact)} samples have a copy, {format_count(within.n_near)} a "
            f"near-duplicate, in {format_count(within.n_components)} components; the largest holds {within.largest}",
            "hint",
            is_apart=True,
        ),
        *(Text(f"n/a: {reason}", "hint") for reason in dict.fromkeys(reasons) if reason is not None),
        *(Text(few, "hint") for few in tell_coverages(rule.auroc for rule in record.surface)),
    ]
    return Page(
        title=f"{record.corpus}, leaks",
        kind="leaks",
        sentence=f"{record.corpus}: {counts}, {format_count(record.n_groups)} groups",
        sections=[Section("Is it leaking?", blocks, is_brief=True)],
    )


def card(stats: CorpusStats, leaks: LeakRecord) -> Page:
    """The data card of a corpus."""
    facts = {
        "samples": format_count(stats.n_samples),
        "pairs": format_count(stats.n_pairs),
        "groups": f"{format_count(stats.n_groups)} (samples of one group are not independent)",
        "rows in / out / reported": f"{stats.n_rows_in} / {stats.n_rows_out} / {len(stats.bad_rows)}",
        "licences": ", ".join(stats.licences),
        "version": stats.version,
        "content digest": stats.content_digest,
        "lines, median / 90 % / largest": _spread(stats.lines),
        "characters, median / 90 % / largest": _spread(stats.characters),
    }
    counted = {
        "label": stats.labels,
        "part": stats.parts,
        "split": stats.splits,
        "language": stats.languages,
        "CWE": stats.cwes,
    }
    leaking = [
        Points(leaks.findings) if leaks.findings else Text("Nothing found that gives the labels away."),
        *_title("What two sides share", _table_overlaps(leaks)),
        Text("Rules without a model, out of group", "heading"),
        _table_surface(leaks),
        *_title("Words that speak of the label", _table_words(leaks, _N_MOST)),
    ]
    defects = [Section("Known defects", [_table_counts("note", stats.notes)])] if stats.n_noted else []
    return Page(
        title=stats.name,
        kind="card",
        sentence="",
        facts=[Fact(name, value, "") for name, value in facts.items()],
        sections=[
            Section("Is it leaking?", leaking),
            Section("What it holds", [_table_counts(title, counts) for title, counts in counted.items()]),
            *defects,
        ],
    )


def _title(title: str, table: Table) -> list[Block]:
    """A table under its title; nothing where it has no rows."""
    return [Text(title, "heading", is_apart=True), table] if table.rows else []


def _table_overlaps(leaks: LeakRecord) -> Table:
    rows = [
        (
            overlap.left,
            overlap.right,
            *map(format_count, (overlap.n_exact, overlap.n_near, overlap.n_leaks)),
            _origins(overlap),
        )
        for overlap in leaks.overlaps
    ]
    numbers = (Head(name, is_wrapped=True) for name in ("copies", "near", "leaks"))
    right = Head("right", is_left=True, is_wrapped=True)
    return Table(("left", right, *numbers, Head("origins", "origins shared", is_left=True, is_wrapped=True)), rows)


def _origins(overlap: Overlap) -> str:
    return ", ".join(f"{origin.n_shared} of {origin.n_right} by {origin.kind}" for origin in overlap.origins) or "none"


def _table_surface(leaks: LeakRecord) -> Table:
    rows = [
        (
            rule.name,
            *(format_estimate(figure, "score") for figure in (rule.auroc, rule.pair_rank)),
            rule.trained_on or "nothing",
        )
        for rule in leaks.surface
    ]
    figures = (Head(name, is_wrapped=True) for name in ("AUROC", "pair-rank"))
    return Table(("rule", *figures, "trained on"), rows, in_terminal=range(3))


def _table_words(leaks: LeakRecord, n_most: int) -> Table:
    rows = [
        (word.word, format_count(word.n_vulnerable), format_count(word.n_fixed)) for word in leaks.label_words[:n_most]
    ]
    return Table(("word", *(Head(name, is_wrapped=True) for name in ("vulnerable", "fixed"))), rows)


def _table_counts(title: str, counts: Mapping[str, int]) -> Table:
    """The most frequent values, the others summed up."""
    ordered = sorted(counts.items(), key=lambda entry: -entry[1])
    rest = ordered[_N_MOST:]
    rows: list[Row] = [(value, format_count(count)) for value, count in ordered[:_N_MOST]]
    if rest:
        rows.append((f"{len(rest)} others", format_count(sum(count for _, count in rest))))
    return Table((title, "samples"), rows)


def _spread(spread: Spread) -> str:
    return f"{spread.median:g} / {spread.p90:g} / {spread.largest}"
