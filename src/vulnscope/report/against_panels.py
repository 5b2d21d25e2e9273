"""The page of two studies side by side: what differs, both diagnoses, both say-know figures, where they disagree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vulnscope.cwe import describe_cwe
from vulnscope.records.base import NotMeasured
from vulnscope.report.against_items import draw_items
from vulnscope.report.draw.curves import draw_curves, find_height
from vulnscope.report.format import (
    Scale,
    find_reason,
    format_change,
    format_change_interval,
    format_estimate,
    format_p,
    format_signed,
    merge_reasons,
    show_invisible,
)
from vulnscope.report.page import Curves, Range, Series
from vulnscope.report.pages.probe import EMBEDDING, SAY_KNOW, Lines, list_lines
from vulnscope.report.panels import (
    clean,
    describe_corpus,
    describe_model,
    draw_link,
    draw_notes,
    draw_reproduction,
    draw_table,
    list_facts,
    render_page,
)

if TYPE_CHECKING:
    from vulnscope.records.against import AgainstRecord, Difference, Figure, InterventionDifference
    from vulnscope.records.base import Estimate
    from vulnscope.records.steer import Effect
    from vulnscope.records.study import StudyRecord


class _Name(NamedTuple):
    """What a figure is called, what it is, and how it reads; differences of one subject have a sign."""

    name: str
    note: str
    scale: Scale
    is_signed: bool = False


_FIGURES: dict[Figure, _Name] = {
    "says": _Name("says", "AUROC of the margin", "score"),
    "yes-rate": _Name("says vulnerable", "share of all answers", "rate"),
    "pair-correct": _Name("pairs right", "both twins", "rate"),
    "pair-rank": _Name("pairs ranked right", "by margin", "rate"),
    "accuracy": _Name("accuracy as it answers", "balanced; 50\N{NO-BREAK SPACE}% is chance", "rate"),
    "threshold-accuracy": _Name("accuracy with a threshold", "each its own, chosen on other groups", "rate"),
    "threshold-gain": _Name("what a threshold wins", "points of accuracy", "rate", is_signed=True),
    "probe": _Name("probe", "AUROC, out of group", "score"),
    "baseline": _Name("best surface rule", "AUROC; each has its own tokens and embedding", "score"),
    "over-baseline": _Name("probe over surface", "AUROC", "score", is_signed=True),
    "gap": _Name("gap", "probe over a read-out of the answers to all prompts, AUROC", "score", is_signed=True),
}
_EFFECTS: dict[Effect | None, str] = {
    "sensitivity": "told twins apart better",
    "criterion only": "only moved the criterion",
    "nothing shown": "nothing shown",
    None: "",
}
_EXPLANATION = (
    "Both answered the same samples, so each difference is measured sample by sample: read it off B − A, never off two "
    "intervals that overlap or do not."
)


def render_against(record: AgainstRecord) -> str:
    """The page of both studies. Every text of `record` is escaped; equal records give equal bytes."""
    sections = [
        ("Diagnoses", draw_diagnoses(record)),
        ("Figures", draw_figures(record)),
        ("Say and know", draw_both(record)),
        ("Interventions", draw_interventions(record)),
        ("Where they disagree", draw_items(record)),
        ("By CWE", draw_cwes(record)),
        ("Left out", draw_notes(record.notes, ())),
        ("Reproduce", draw_reproduction(record.command, record.config, record.versions, record.run)),
    ]
    answers = record.answers
    facts = list_facts(
        [
            describe_model("A", record.first.subject, record.names[0]),
            describe_model("B", record.second.subject, record.names[1]),
            describe_corpus(answers.corpus),
            (
                "Same answer",
                format_estimate(answers.agreement, "rate"),
                f"of {answers.overall.n_items:,} samples both answered; "
                f"κ\N{NO-BREAK SPACE}{format_signed(answers.kappa)}",
            ),
        ]
    )
    title = f"{record.names[0]} against {record.names[1]} on {record.first.corpus.name}"
    return render_page(title, "study against", record.sentence, sections, facts)


def draw_diagnoses(record: AgainstRecord) -> Markup:
    """Both diagnoses with their reasons, and where each study's own page is."""
    sides = [
        Markup("<div><h3>{}: {}</h3><p><b>{}</b></p><ol>{}</ol>{}</div>").format(
            letter,
            clean(name),
            study.verdict.diagnosis.capitalize(),
            Markup("").join(Markup("<li>{}</li>").format(show_invisible(text)) for text in study.verdict.reasons),
            draw_link(record.pages.get(letter), f"the whole study of {letter}"),
        )
        for letter, name, study in _sides(record)
    ]
    return Markup('<div class="side-by-side">{}</div>').format(Markup("").join(sides))


def draw_figures(record: AgainstRecord) -> Markup:
    """Every figure of the diagnosis under both, with the paired difference."""
    rows = []
    for row in record.figures:
        name = _FIGURES[row.name]
        first, second, change, p, detectable = _cells(row.difference, name)
        rows.append(
            (
                Markup("{}<small>{}</small>").format(name.name, name.note),
                *map(_stack, (first, second, change)),
                p,
                detectable,
            )
        )
    heads = ("figure", "A", "B", "B − A", "corrected p", "could have shown")
    hint = (
        f"{_EXPLANATION} Each interval is for its own figure, at 95 %; p-values, and what could have been shown, are "
        f"corrected over the table ({record.correction}). A difference that is not shown is no proof of equality."
    )
    reasons = [
        reason
        for row in record.figures
        for each in (row.difference.first, row.difference.second, row.difference.change)
        if (reason := find_reason(each)) is not None
    ]
    if reasons:
        hint += f" Without an interval: {'; '.join(merge_reasons(reasons))}."
    return draw_table(heads, rows, is_stacked=True) + Markup('<p class="hint">{}</p>').format(hint)


def draw_both(record: AgainstRecord) -> Markup:
    """The say-know figure of both, on the same axes; depth is relative where the numbers of layers differ."""
    studies = (record.first, record.second)
    counts = [study.subject.n_layers for study in studies]
    is_relative = counts[0] != counts[1]
    lines = [
        _place(list_lines(study.probe), n if is_relative else None) for study, n in zip(studies, counts, strict=True)
    ]
    height = find_height([s for own in lines for s in own.series], [r for own in lines for r in own.references])
    places = [point[0] for own in lines for each in own.series for point in each.points]
    width = Range(min(places), max(places)) if places else None
    names = {place: f"{place:.2f}" for place in places} | {0.0: "emb."} if is_relative else EMBEDDING
    pictures = [
        Markup("<div><h3>{}: {}</h3>{}</div>").format(
            letter,
            clean(name),
            draw_curves(
                Curves(
                    own.series,
                    own.references,
                    x_label="depth, 1 is the last layer" if is_relative else "layer",
                    y_label="AUROC",
                    label=f"{letter}: {SAY_KNOW}",
                    x_names=names,
                    height=height,
                    width=width,
                )
            ),
        )
        for (letter, name, _), own in zip(_sides(record), lines, strict=True)
    ]
    return Markup('<div class="side-by-side">{}</div>').format(Markup("").join(pictures))


def draw_interventions(record: AgainstRecord) -> Markup:
    """The interventions of both beside one another, each at the point chosen for it."""
    rate = _Name("", "", "rate")
    rows = []
    for row in record.interventions:
        pairs, area = row.pair_correct, row.auroc
        rows.append(
            (
                Markup("{}<small>{}</small>").format(clean(row.name), _chosen(row)),
                *map(_stack, (_show(pairs.first, rate), _show(pairs.second, rate), _change(pairs, "rate"))),
                format_p(pairs.p_corrected),
                _stack(_change(area, "score")),
                format_p(area.p_corrected),
                _judge(row),
            )
        )
    heads = (
        "intervention",
        "A, pairs right",
        "B, pairs right",
        "B − A, points",
        "corrected p",
        "B − A, AUROC",
        "corrected p",
        "did to each by itself",
    )
    hint = (
        f"On {record.n_steered:,} held-out samples, the same for both; layers, scales and thresholds were chosen for "
        f"each subject by itself. p-values: {record.interventions_correction}. Each study's page has the controls."
    )
    return draw_table(heads, rows, is_figures=True) + Markup('<p class="hint">{}</p>').format(hint)


def draw_cwes(record: AgainstRecord) -> Markup:
    """Pairs right and AUROC by CWE, the largest change first."""
    rows = []
    for part in record.answers.slices:
        if part.kind != "cwe":
            continue
        changes = {change.measure: change for change in part.changes}
        pairs, area = changes.get("pair-correct"), changes.get("auroc")
        rows.append(
            (
                describe_cwe(part.value),
                part.n_pairs,
                *(
                    (_points(pairs.before), _points(pairs.after), _shown(pairs.change, "rate"))
                    if pairs
                    else ("", "", "")
                ),
                format_p(pairs.p_corrected) if pairs else "",
                _shown(area.change, "score") if area else "",
                format_p(area.p_corrected) if area else "",
            )
        )
    heads = ("", "pairs", "A, pairs right", "B", "B − A, points", "corrected p", "B − A, AUROC", "corrected p")
    return draw_table(heads, rows, is_figures=True) if rows else Markup("<p>All samples are of one CWE.</p>")


def print_against(record: AgainstRecord, console: Console) -> None:
    """The sentence, the two diagnoses, the figures and the interventions, for a terminal."""
    console.print(Text(show_invisible(record.sentence), style="bold"), soft_wrap=True)
    for letter, name, study in _sides(record):
        console.print(Text(show_invisible(f"{letter} {name}: {study.verdict.diagnosis}")), soft_wrap=True)
        for reason in study.verdict.reasons:
            console.print(Text(f"  - {show_invisible(reason)}", style="dim"), soft_wrap=True)
    console.print()
    table = _table("figure", "A", "B", "B − A", "p")
    for row in record.figures:
        first, second, change, p, _ = _cells(row.difference, _FIGURES[row.name])
        table.add_row(_FIGURES[row.name].name, *_short(first, second), change, p)
    console.print(table)
    console.print(Text(f"p: {record.correction}; rates change in points", style="dim"))
    console.print()
    table = _table("pairs right under", "A", "B", "B − A", "p")
    for line in record.interventions:
        pairs = line.pair_correct
        sides = [_show(each, _Name("", "", "rate")) for each in (pairs.first, pairs.second)]
        table.add_row(show_invisible(line.name), *_short(*sides), _change(pairs, "rate"), format_p(pairs.p_corrected))
    console.print(table)
    console.print(Text(f"{record.n_steered:,} held-out samples; p: {record.interventions_correction}", style="dim"))
    for note in record.notes:
        console.print(Text(f"left out: {show_invisible(note)}", style="yellow"), soft_wrap=True)


def _sides(record: AgainstRecord) -> Sequence[tuple[str, str, StudyRecord]]:
    return (("A", record.names[0], record.first), ("B", record.names[1], record.second))


def _cells(difference: Difference, name: _Name) -> tuple[str, str, str, str, str]:
    """A, B, their difference, its p-value, and what could have been shown."""
    detectable = difference.detectable
    return (
        _show(difference.first, name),
        _show(difference.second, name),
        _change(difference, name.scale),
        format_p(difference.p_corrected),
        "n/a" if isinstance(detectable, NotMeasured) else format_change(detectable, name.scale).replace("+", "±"),
    )


def _show(estimate: Estimate, name: _Name) -> str:
    if isinstance(estimate.value, NotMeasured):
        return f"n/a: {find_reason(estimate)}"
    return _shown(estimate, name.scale) if name.is_signed else format_estimate(estimate, name.scale)


def _change(difference: Difference, scale: Scale) -> str:
    if isinstance(difference.change.value, NotMeasured):
        return f"n/a: {find_reason(difference.change)}"
    return _shown(difference.change, scale)


def _shown(change: Estimate, scale: Scale) -> str:
    return f"{format_change(change.value, scale)} {format_change_interval(change, scale)}".rstrip()


def _points(value: float | NotMeasured) -> str:
    return "n/a" if isinstance(value, NotMeasured) else f"{100 * value:.0f} %"


def _chosen(row: InterventionDifference) -> Markup:
    """Where and how strongly, for A and for B."""
    if row.what[0] == row.what[1]:
        return Markup("{}").format(clean(row.what[0]))
    return Markup("A: {}<br>B: {}").format(*(clean(each) for each in row.what))


def _place(lines: Lines, n_layers: int | None) -> Lines:
    """The lines over relative depth, the embedding at 0 and the last layer at 1; as they are without `n_layers`."""
    if n_layers is None:
        return lines
    series = [
        Series(each.name, [((layer + 1) / n_layers, value, low, high) for layer, value, low, high in each.points])
        for each in lines.series
    ]
    return Lines(series, lines.references)


def _stack(cell: str) -> Markup:
    """A figure over its interval, or over the reason why it is missing, for narrow columns."""
    if cell.startswith("n/a: "):
        return Markup('n/a<small class="why">{}</small>').format(clean(cell.removeprefix("n/a: ")))
    value, bracket, ends = cell.partition("[")
    below = Markup("<small>{}</small>").format(bracket + ends) if bracket else ""
    return Markup("{}{}").format(value.strip().replace(" ", "\N{NO-BREAK SPACE}"), below)


def _judge(row: InterventionDifference) -> Markup:
    """What the intervention did to A and to B, against the same subject un-steered."""
    words = [_EFFECTS[effect] for effect in row.effects]
    if words[0] == words[1]:
        text = Markup("{}").format(f"both: {words[0]}" if words[0] else "")
    else:
        text = Markup("A: {}<br>B: {}").format(*words)
    return Markup('<div class="why">{}</div>').format(text)


def _short(*cells: str) -> tuple[str, ...]:
    """Values without their intervals: a terminal has no room, and the differences carry theirs."""
    return tuple(cell.partition(" [")[0] for cell in cells)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(columns[0], overflow="fold")
    for name in columns[1:]:
        table.add_column(name, justify="right", no_wrap=True)
    return table
