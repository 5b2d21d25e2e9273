"""Two studies side by side: what differs, both diagnoses, both say-know figures, where they disagree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from vulnscope.cwe import describe_cwe
from vulnscope.effects.words import EFFECTS
from vulnscope.probe.page import EMBEDDING, SAY_KNOW, Lines, list_lines
from vulnscope.records.base import NotMeasured
from vulnscope.report.draw.curves import find_height
from vulnscope.report.format import (
    Scale,
    find_reason,
    format_change,
    format_change_interval,
    format_estimate,
    format_interval,
    format_number,
    format_p,
    format_signed,
    merge_reasons,
)
from vulnscope.report.page import (
    Block,
    Cell,
    Curves,
    Fact,
    Fold,
    Head,
    LeftOut,
    Links,
    Page,
    Points,
    Range,
    Row,
    Section,
    Series,
    Sides,
    Table,
    Text,
    Twins,
)
from vulnscope.report.pages.common import describe_corpus, describe_model, reproduce

if TYPE_CHECKING:
    from vulnscope.records.base import Estimate
    from vulnscope.records.comparison import ComparedItem
    from vulnscope.study.record import StudyRecord
    from vulnscope.study.two.record import AgainstRecord, Figure, InterventionDifference


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
_EXPLANATION = (
    "Both answered the same samples, so each difference is measured sample by sample: read it off B − A, never off two "
    "intervals that overlap or do not."
)
_OUTCOMES: dict[tuple[str, str], str] = {
    ("vulnerable", "fixed"): "both right",
    ("vulnerable", "vulnerable"): "both called vulnerable",
    ("fixed", "fixed"): "both called secure",
    ("fixed", "vulnerable"): "both wrong",
}
"""What a pair's answers come to, by those about its vulnerable and its fixed twin."""
_N_PAIRS = 24


def page(record: AgainstRecord) -> Page:
    """What two studies say together."""
    answers = record.answers
    kappa = f"κ\N{NO-BREAK SPACE}{format_signed(answers.kappa)}"
    return Page(
        title=f"{record.names[0]} against {record.names[1]} on {record.first.corpus.name}",
        kind="study against",
        sentence=record.sentence,
        notes=[
            f"{name}: {note}"
            for name, study in zip(record.names, (record.first, record.second), strict=True)
            for note in study.subject.prompt_notes
        ],
        facts=(
            describe_model("A", record.first.subject, record.names[0]),
            describe_model("B", record.second.subject, record.names[1]),
            describe_corpus(answers.corpus),
            Fact(
                "Same answer",
                format_estimate(answers.agreement, "rate"),
                f"of {answers.overall.n_items:,} samples both answered; {kappa}",
            ),
        ),
        sections=(
            Section("Diagnoses", _list_diagnoses(record), is_brief=True),
            Section("Figures", list_figures(record), is_brief=True),
            Section("Say and know", [_draw_both(record)]),
            Section("Interventions", _list_interventions(record), is_brief=True),
            Section("Where they disagree", _list_items(record)),
            Section("By CWE", [_table_cwes(record)]),
            Section("Left out", [LeftOut(record.notes)], is_brief=True),
            reproduce(record),
        ),
        is_soft=True,
    )


def _list_diagnoses(record: AgainstRecord) -> list[Block]:
    """Both diagnoses with their reasons, and where each study's own page is."""
    sides = []
    brief: list[Block] = []
    for letter, name, study in _sides(record):
        diagnosis, reasons = study.verdict.diagnosis, study.verdict.reasons
        sides.append(
            [
                Text(f"{letter}: {name}", "heading"),
                Text(diagnosis.capitalize(), "strong"),
                Points(reasons, "numbers"),
                *_link(record.pages.get(letter), f"the whole study of {letter}"),
            ]
        )
        brief.append(Text(f"{letter} {name}: {diagnosis}", only="terminal"))
        brief += [Text(f"  - {reason}", "hint", only="terminal") for reason in reasons]
    return [Sides(sides), *brief]


def list_figures(record: AgainstRecord) -> list[Block]:
    """Every figure of the diagnosis under both, with the paired difference."""
    rows = []
    for row in record.figures:
        name, difference = _FIGURES[row.name], row.difference
        detectable = difference.detectable
        rows.append(
            (
                Cell(name.name, (name.note,)),
                _stack(difference.first, name.scale, is_change=name.is_signed, is_brief=True),
                _stack(difference.second, name.scale, is_change=name.is_signed, is_brief=True),
                _stack(difference.change, name.scale, is_change=True),
                format_p(difference.p_corrected),
                "n/a"
                if isinstance(detectable, NotMeasured)
                else format_change(detectable, name.scale).replace("+", "±"),
            )
        )
    heads = ("figure", "A", "B", "B − A", Head("corrected p", short="p"), "could have shown")
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
    return [
        Table(heads, rows, form="stacked", in_terminal=range(5)),
        Text(hint, "hint", only="page"),
        Text(f"p: {record.correction}; rates change in points", "hint", only="terminal"),
    ]


def _draw_both(record: AgainstRecord) -> Block:
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
    return Sides(
        [
            [
                Text(f"{letter}: {name}", "heading"),
                Curves(
                    own.series,
                    own.references,
                    x_label="depth, 1 is the last layer" if is_relative else "layer",
                    y_label="AUROC",
                    label=f"{letter}: {SAY_KNOW}",
                    x_names=names,
                    height=height,
                    width=width,
                ),
            ]
            for (letter, name, _), own in zip(_sides(record), lines, strict=True)
        ]
    )


def _list_interventions(record: AgainstRecord) -> list[Block]:
    """The interventions of both beside one another, each at the point chosen for it."""
    rows = [
        (
            Cell(row.name, _beside(row.what)),
            _stack(row.pair_correct.first, "rate", is_change=False, is_brief=True),
            _stack(row.pair_correct.second, "rate", is_change=False, is_brief=True),
            _stack(row.pair_correct.change, "rate", is_change=True),
            format_p(row.pair_correct.p_corrected),
            _stack(row.auroc.change, "score", is_change=True),
            format_p(row.auroc.p_corrected),
            _judge(row),
        )
        for row in record.interventions
    ]
    heads = (
        Head("intervention", short="pairs right under"),
        Head("A, pairs right", short="A"),
        Head("B, pairs right", short="B"),
        Head("B − A, points", short="B − A"),
        Head("corrected p", short="p"),
        "B − A, AUROC",
        "corrected p",
        "did to each by itself",
    )
    hint = (
        f"On {record.n_steered:,} held-out samples, the same for both; layers, scales and thresholds were chosen for "
        f"each subject by itself. p-values: {record.interventions_correction}. Each study's page has the controls."
    )
    brief = f"{record.n_steered:,} held-out samples; p: {record.interventions_correction}"
    return [
        Table(heads, rows, form="figures", in_terminal=range(5)),
        Text(hint, "hint", only="page"),
        Text(brief, "hint", only="terminal"),
    ]


def _list_items(record: AgainstRecord) -> list[Block]:
    """Pairs with another verdict first, as changes from the vulnerable to the fixed twin."""
    overall = record.answers.overall
    pairs = _pair_up(record.answers.items)
    different = [pair for pair in pairs if any(item.says[0] != item.says[1] for item in pair)]
    codes = {pair.pair: pair for pair in record.first.audit.pairs}
    shown = [(pair, codes[pair[0].pair]) for pair in different if len(pair) == 2 and pair[0].pair in codes][:_N_PAIRS]
    lead = (
        f"{overall.n_flipped:,} of {overall.n_items:,} samples are answered differently: B is right where A is wrong "
        f"on {overall.n_gained:,}, wrong where A is right on {overall.n_lost:,}."
    )
    if different:
        lead += f" {len(shown)} of the {len(different):,} pairs concerned are shown."
    return [
        Text(lead),
        *(
            Fold(
                pair[0].cwe,
                [Twins(code.vulnerable_code, code.fixed_code)],
                name=pair[0].pair or pair[0].sample,
                below="; ".join(f"{letter}: {_come_to(pair, side)}" for side, letter in enumerate("AB")),
                is_open=place == 0,
            )
            for place, (pair, code) in enumerate(shown)
        ),
        *_link(record.pages.get("answers"), "all samples, and the answers compared slice by slice"),
    ]


def _table_cwes(record: AgainstRecord) -> Block:
    """Pairs right and AUROC by CWE, the largest change first."""
    rows: list[Row] = []
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
                    (
                        format_number(pairs.before, "rate"),
                        format_number(pairs.after, "rate"),
                        _shown(pairs.change, "rate"),
                    )
                    if pairs
                    else ("", "", "")
                ),
                format_p(pairs.p_corrected) if pairs else "",
                _shown(area.change, "score") if area else "",
                format_p(area.p_corrected) if area else "",
            )
        )
    heads = ("", "pairs", "A, pairs right", "B", "B − A, points", "corrected p", "B − A, AUROC", "corrected p")
    return Table(heads, rows, form="figures") if rows else Text("All samples are of one CWE.")


def _sides(record: AgainstRecord) -> Sequence[tuple[str, str, StudyRecord]]:
    return (("A", record.names[0], record.first), ("B", record.names[1], record.second))


def _link(path: str | None, text: str) -> list[Block]:
    """A link to a page in the same run folder; nothing without one."""
    return [Links([(path, text, "")])] if path else []


def _shown(change: Estimate, scale: Scale) -> str:
    return f"{format_change(change.value, scale)} {format_change_interval(change, scale)}".rstrip()


def _place(lines: Lines, n_layers: int | None) -> Lines:
    """The lines over relative depth, the embedding at 0 and the last layer at 1; as they are without `n_layers`."""
    if n_layers is None:
        return lines
    series = [
        Series(each.name, [((layer + 1) / n_layers, value, low, high) for layer, value, low, high in each.points])
        for each in lines.series
    ]
    return Lines(series, lines.references)


def _stack(estimate: Estimate, scale: Scale, *, is_change: bool, is_brief: bool = False) -> Cell:
    """A figure over its interval, or over the reason why it is missing; in a terminal beside it, unless in brief."""
    if isinstance(estimate.value, NotMeasured):
        return Cell("n/a", reasons=(estimate.value.reason,), short=f"n/a: {estimate.value.reason}")
    show, show_ends = (format_change, format_change_interval) if is_change else (format_number, format_interval)
    value, ends = show(estimate.value, scale), show_ends(estimate, scale)
    return Cell(value, (ends,) if ends else (), short=value if is_brief else f"{value} {ends}".rstrip())


def _beside(words: Sequence[str]) -> tuple[str, ...]:
    """What is said of A and of B, once where it is the same."""
    return (words[0],) if words[0] == words[1] else (f"A: {words[0]}", f"B: {words[1]}")


def _judge(row: InterventionDifference) -> Cell:
    """What the intervention did to A and to B, against the same subject un-steered."""
    said = _beside([EFFECTS[effect] for effect in row.effects])
    if len(said) == 1:
        said = (f"both: {said[0]}" if said[0] else "",)
    return Cell("\n".join(said), is_words=True)


def _come_to(pair: Sequence[ComparedItem], side: int) -> str:
    return _OUTCOMES.get((pair[0].says[side], pair[1].says[side]), "an answer unparsed")


def _pair_up(items: Sequence[ComparedItem]) -> list[list[ComparedItem]]:
    """Items by pair, vulnerable first, in the order of the first of each; those of no pair by themselves."""
    found: dict[str, list[ComparedItem]] = {}
    for item in items:
        found.setdefault(item.pair or f"\0{item.sample}", []).append(item)
    return [sorted(own, key=lambda item: item.label, reverse=True) for own in found.values()]
