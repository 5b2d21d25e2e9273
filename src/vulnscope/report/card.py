"""A data card in Markdown: what a corpus holds, and what gives its labels away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from vulnscope.report.format import format_count, format_estimate, show_invisible

if TYPE_CHECKING:
    from vulnscope.records.corpus import CorpusStats, Spread
    from vulnscope.records.leaks import LeakRecord

_MARKS = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]<>#|"})
_N_MOST = 12


def render_card(stats: CorpusStats, leaks: LeakRecord) -> str:
    """The card, one Markdown page; text of the corpus is escaped."""
    parts = [
        f"# {_plain(stats.name)}",
        _list(
            {
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
        ),
        "## Is it leaking?",
        "\n".join(f"- {_plain(finding)}" for finding in leaks.findings) or "Nothing found that gives the labels away.",
        *_section(
            "### What two sides share", ("left", "right", "copies", "near", "leaks", "origins"), _overlaps(leaks)
        ),
        "### Rules without a model, out of group",
        _table(("rule", "AUROC", "pair-rank", "trained on"), _surface(leaks)),
        *_section("### Words that speak of the label", ("word", "vulnerable", "fixed"), _words(leaks)),
        "## What it holds",
        *(
            _table((title, "samples"), _most(counts))
            for title, counts in (
                ("label", stats.labels),
                ("part", stats.parts),
                ("split", stats.splits),
                ("language", stats.languages),
                ("CWE", stats.cwes),
            )
        ),
        *(["## Known defects", _table(("note", "samples"), _most(stats.notes))] if stats.n_noted else []),
    ]
    return "\n\n".join(parts) + "\n"


def _section(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    rows = list(rows)
    return [title, _table(header, rows)] if rows else []


def _overlaps(leaks: LeakRecord) -> Iterable[Sequence[str]]:
    for overlap in leaks.overlaps:
        origins = ", ".join(f"{origin.n_shared} of {origin.n_right} by {origin.kind}" for origin in overlap.origins)
        counts = (overlap.n_exact, overlap.n_near, overlap.n_leaks)
        yield overlap.left, overlap.right, *map(format_count, counts), origins or "none"


def _surface(leaks: LeakRecord) -> Iterable[Sequence[str]]:
    for rule in leaks.surface:
        figures = (format_estimate(figure, "score") for figure in (rule.auroc, rule.pair_rank))
        yield rule.name, *figures, rule.trained_on or "nothing"


def _words(leaks: LeakRecord) -> Iterable[Sequence[str]]:
    for word in leaks.label_words[:_N_MOST]:
        yield word.word, format_count(word.n_vulnerable), format_count(word.n_fixed)


def _most(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """The most frequent values, the others summed up."""
    ordered = sorted(counts.items(), key=lambda entry: -entry[1])
    shown = [(value, format_count(count)) for value, count in ordered[:_N_MOST]]
    rest = ordered[_N_MOST:]
    more = [(f"{len(rest)} others", format_count(sum(count for _, count in rest)))] if rest else []
    return shown + more


def _list(facts: Mapping[str, str]) -> str:
    return "\n".join(f"- **{key}**: {_plain(value)}" for key, value in facts.items())


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(_plain(cell) for cell in line)} |" for line in lines)


def _spread(spread: Spread) -> str:
    return f"{spread.median:g} / {spread.p90:g} / {spread.largest}"


def _plain(text: str) -> str:
    return show_invisible(" ".join(text.split())).translate(_MARKS)
