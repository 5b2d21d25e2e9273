"""An audit in brief: the verdict, the key figures, the slices, further figures, and what was left out.

In HTML it is the template `audit.html.j2`, since it runs scripts; this is what a terminal, Markdown and CSV say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vulnscope.records.answers import AnswerFigures, PromptFigures
from vulnscope.records.audit import AuditRecord, Slice
from vulnscope.records.base import Estimate, NotMeasured, Number
from vulnscope.records.figures import Background, Classification, PromptGrid, ReadOutAgreement, Robustness
from vulnscope.report.format import (
    Scale,
    find_reason,
    format_count,
    format_estimate,
    format_number,
    format_p,
    format_signed,
    format_signed_estimate,
    merge_reasons,
    tell_coverages,
)
from vulnscope.report.page import Block, Cell, Head, Page, Row, Section, Table, Text
from vulnscope.report.view import (
    describe_impossible,
    find_best_baseline,
    group_slices,
    is_synthetic,
    list_tiles,
    name_slice,
)

_Line = tuple[str, str, str]
"""A figure in words: what it is called, its value with its interval, and what to hold against it."""
_NOTE = Head("", is_left=True, is_wrapped=True, is_soft=True)


def page(record: AuditRecord) -> Page:
    """What one audit says, without its pictures and its code."""
    overall = record.overall
    kind = " (synthetic: generated code)" if is_synthetic(record.corpus) else ""
    corpus = f"corpus {record.corpus.name}{kind}"
    counts = f"{format_count(overall.n_pairs)} pairs in {format_count(overall.n_groups)} groups"
    source = f"model {record.subject.name}, {corpus}: {counts}, grouped {record.corpus.grouping}"
    tiles = [(tile.label, format_estimate(tile.estimate, tile.scale), tile.note) for tile in list_tiles(record)]
    further = list_further(record)
    return Page(
        title=f"{record.subject.name} on {record.corpus.name}",
        kind="audit",
        sentence=record.sentence,
        notes=record.subject.prompt_notes,
        template="audit.html.j2",
        record=record,
        sections=(
            Section("Key figures", [Text(source, "hint"), Table(("", "", _NOTE), tiles)], is_brief=True),
            Section("Where it holds", [Text(corpus, "hint", is_apart=True), _table_slices(record)], is_brief=True),
            Section("Further figures", [Table(("", "", _NOTE), further)] if further else [], is_brief=True),
            Section("Ordinary code", _list_background(record.background) if record.background else [], is_brief=True),
            Section(
                "Left out",
                [*_count_states(record), *_count_impossible(record), *_list_reasons(record), *_list_left_out(record)],
                is_brief=True,
            ),
        ),
    )


def list_further(record: AuditRecord) -> list[_Line]:
    """What the record holds of classifier, wording, read-outs, repeats, weaknesses, lines and harmless changes."""
    return [
        *(_classification(record.classification) if record.classification else ()),
        *(_wording(record.prompt_grid) if record.prompt_grid else ()),
        *(_read_outs(record.read_outs) if record.read_outs else ()),
        *(_answers(record.answers) if record.answers else ()),
        *(_robustness(record.robustness) if record.robustness else ()),
    ]


def _classification(found: Classification) -> Iterator[_Line]:
    share = format_number(found.share_vulnerable, "score")
    yield _line("Balanced accuracy", found.balanced_accuracy, "rate", "half is chance")
    mcc = format_signed_estimate(found.mcc)
    yield ("Matthews correlation", mcc, find_reason(found.mcc.value) or "0 is chance")
    yield _line("Average precision", found.average_precision, "score", f"chance {share}")
    for cut in found.cuts:
        label = f"VD-S at {100 * cut.false_positive_rate:g} % false alarms"
        note = cut.warning.partition(":")[0] if cut.warning else "vulnerable code missed"
        yield _line(label, cut.vd_s, "rate", note)
    if (calibration := found.calibration) is not None:
        note = (
            f"{_score(calibration.error_by_chance_high)} by chance; "
            f"Brier {format_number(calibration.brier.value, 'score')}"
        )
        yield ("Calibration error", _score(calibration.error), note)


def _wording(grid: PromptGrid) -> Iterator[_Line]:
    prompts = f"{len(grid.lines)} prompts"
    for spread in grid.spread:
        measure = "Right" if spread.measure == "accuracy" else "Ranked right"
        ends = " to ".join(
            f"{format_number(value.value, 'rate')} ({name})"
            for name, value in ((spread.worst, spread.worst_value), (spread.best, spread.best_value))
        )
        yield _line(f"{measure}, mean of {prompts}", spread.mean, "rate", ends)
        yield _line(f"{measure}, best prompt", spread.best_on_others, "rate", "chosen on other groups")
    yield _line("Two prompts agree", grid.agreement, "rate", "the same verdict")


def _read_outs(found: ReadOutAgreement) -> Iterator[_Line]:
    note = f"κ {format_signed(found.kappa)} of typed answer and log-odds"
    yield _line("Read-outs agree", found.agreement, "rate", note)


def _answers(found: AnswerFigures) -> Iterator[_Line]:
    if len({line.temperature for line in found.prompts}) > 1 and not found.stability:
        yield from _temperatures(found.prompts)
    for line in found.stability:
        label = f"{line.prompt} at temperature {line.temperature:g}"
        silent = f" ({format_count(line.n_silent)} samples lack a verdict)" if line.n_silent else ""
        right = format_estimate(line.always_right, "rate")
        note = f"one verdict in {line.n_repeats} repeats{silent}; always right {right}"
        yield _line(label, line.same_verdict, "rate", note)
    if (named := found.weaknesses) is not None:
        others = ", ".join(
            f"{name} {format_number(share.value, 'rate')}"
            for name, share in (("parent", named.parent), ("child", named.child), ("neither", named.none))
        )
        note = f"{others}; of {format_count(named.n)}"
        yield _line("Names the very CWE", named.exact, "rate", note)
    if (lines := found.lines) is not None:
        note = (
            f"of changed lines; {format_number(lines.share_named.value, 'rate')} of all lines named, "
            f"{format_number(lines.precision.value, 'rate')} of those changed"
        )
        yield _line("Lines found", lines.recall, "rate", note)


def _temperatures(lines: Sequence[PromptFigures]) -> Iterator[_Line]:
    for line in lines:
        n_silent = line.n - line.states.get("parsed", 0)
        note = f"right; {format_count(n_silent)} of {format_count(line.n)} without a verdict"
        yield _line(f"{line.prompt} at temperature {line.temperature:g}", line.accuracy, "rate", note)


def _robustness(found: Robustness) -> Iterator[_Line]:
    for line in found.lines:
        before, after = (format_number(value.value, "rate") for value in (line.right_before, line.right_after))
        note = f"right and unchanged; right {before} before, {after} after"
        yield _line(f"Survives {line.kind}", line.robust, "rate", note)


def _line(label: str, figure: Estimate, scale: Scale, note: str) -> _Line:
    """A figure with its note, or with the reason why it was not measured."""
    return label, format_estimate(figure, scale), find_reason(figure.value) or note


def _score(value: Number) -> str:
    return format_number(value, "score")


def _table_slices(record: AuditRecord) -> Table:
    rows: list[Row] = []
    for place, group in enumerate(group_slices(record)):
        rows += [*([(group.title,)] if place else []), *(_show_slice(part) for part in group.slices)]
    heads = (
        "slice", "pairs", "says vuln.", "both right", "ranked right", "AUROC", "p", "d′", "c",
        Head("best baseline", is_left=True, is_wrapped=True, is_soft=True),
    )  # fmt: skip
    return Table(heads, rows, in_narrow_terminal=range(5))


def _show_slice(part: Slice) -> Row:
    best = find_best_baseline(part.baselines)
    return (
        Cell(name_slice(part), is_strong=part.kind == "all"),
        format_count(part.n_pairs),
        *(format_estimate(figure, "rate") for figure in (part.yes_rate, part.pair_correct, part.pair_rank)),
        format_estimate(part.auroc, "score"),
        format_p(part.pair_rank_p_corrected),
        format_signed(part.d_prime),
        format_signed(part.criterion),
        f"{best.name} {format_number(best.auroc.value, 'score')}" if best else "n/a",
    )


def _list_background(found: Background) -> list[Block]:
    """What deployment would be like, where ordinary code was given."""
    files = f"{format_count(found.n_functions)} ordinary functions of {format_count(found.n_files)} files"
    lines: list[Block] = [
        Text(
            f"{files}; precision where {format_number(found.prevalence, 'rate')} are vulnerable", "hint", is_apart=True
        )
    ]
    if found.asked:
        lines.append(Text(f"asked {found.asked}", "hint"))
    for point in found.points:
        if isinstance(point.alarm_rate.value, NotMeasured):
            lines.append(Text(f"{point.name}: n/a, {point.alarm_rate.value.reason}"))
            continue
        named = {"alarms": point.alarm_rate, "recall": point.recall, "precision": point.precision}
        figures = ", ".join(f"{name} {format_estimate(estimate, 'rate')}" for name, estimate in named.items())
        lines.append(Text(f"{point.name}: {figures}"))
        if point.warning:
            lines.append(Text(f"  {point.warning}", "warning"))
    return lines


def _list_reasons(record: AuditRecord) -> list[Block]:
    """Why figures or their intervals read n/a, each kind of reason once."""
    figures = [
        value
        for part in (record.overall, *record.slices)
        for value in (part.yes_rate, part.pair_correct, part.pair_rank, part.auroc, part.d_prime)
    ]
    reasons = merge_reasons(reason for value in figures if (reason := find_reason(value)))
    return [
        *(Text(f"  n/a: {reason}", "hint") for reason in reasons),
        *(Text(f"  {few}", "hint") for few in tell_coverages(figures)),
    ]


def _count_states(record: AuditRecord) -> list[Block]:
    """How many answers have no verdict, and why that may be."""
    states = record.answers.states if record.answers else {}
    counts = [f"{format_count(n)} {state}" for state, n in states.items() if n and state != "parsed"]
    if not counts:
        return []
    line = f"  no verdict: {', '.join(counts)} of {_count(sum(states.values()), 'answer')}"
    hint = "; cut: --max-new-tokens was reached, or the prompt is longer than the model reads"
    return [Text(line + hint * bool(states.get("cut")))]


def _count_impossible(record: AuditRecord) -> list[Block]:
    """How many replies of an endpoint had log-probabilities that cannot be."""
    return [Text(f"  {line}", "warning") for line in [describe_impossible(record)] if line]


def _list_left_out(record: AuditRecord) -> list[Block]:
    lines = [f"left out: {_count(entry.n, 'sample')}, {entry.reason}" for entry in record.left_out]
    if record.corpus.bad_rows:
        lines.append(f"left out: {_count(len(record.corpus.bad_rows), 'row')} that could not be read")
    lines.extend(record.corpus.problems)
    lines.extend(f"switched off: {feature}" for feature in record.subject.switched_off)
    return [Text(f"  {line}", "warning") for line in lines]


def _count(n: int, noun: str) -> str:
    return f"{format_count(n)} {noun}{'' if n == 1 else 's'}"
