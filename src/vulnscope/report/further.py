"""What an audit measured beyond its key figures, one line each, for a terminal; the page shows it as panels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vulnscope.records.answers import AnswerFigures, PromptFigures
from vulnscope.records.audit import AuditRecord
from vulnscope.records.base import Estimate, Number
from vulnscope.records.figures import Classification, PromptGrid, ReadOuts, Robustness
from vulnscope.report.format import (
    Scale,
    find_reason,
    format_count,
    format_estimate,
    format_number,
    format_signed,
    format_signed_estimate,
)


class FurtherFigure(NamedTuple):
    """A figure in words: what it is called, its value with its interval, and what to hold against it."""

    label: str
    figure: str
    note: str = ""


def list_further(record: AuditRecord) -> tuple[FurtherFigure, ...]:
    """What the record holds of classifier, wording, read-outs, repeats, weaknesses, lines and harmless changes."""
    return (
        *(_classification(record.classification) if record.classification else ()),
        *(_wording(record.prompt_grid) if record.prompt_grid else ()),
        *(_read_outs(record.read_outs) if record.read_outs else ()),
        *(_answers(record.answers) if record.answers else ()),
        *(_robustness(record.robustness) if record.robustness else ()),
    )


def _classification(found: Classification) -> Iterator[FurtherFigure]:
    share = format_number(found.share_vulnerable, "score")
    yield _line("Balanced accuracy", found.balanced_accuracy, "rate", "half is chance")
    mcc = format_signed_estimate(found.mcc)
    yield FurtherFigure("Matthews correlation", mcc, find_reason(found.mcc.value) or "0 is chance")
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
        yield FurtherFigure("Calibration error", _score(calibration.error), note)


def _wording(grid: PromptGrid) -> Iterator[FurtherFigure]:
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


def _read_outs(found: ReadOuts) -> Iterator[FurtherFigure]:
    note = f"κ {format_signed(found.kappa)} of typed answer and log-odds"
    yield _line("Read-outs agree", found.agreement, "rate", note)


def _answers(found: AnswerFigures) -> Iterator[FurtherFigure]:
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


def _temperatures(lines: Sequence[PromptFigures]) -> Iterator[FurtherFigure]:
    for line in lines:
        n_silent = line.n - line.states.get("parsed", 0)
        note = f"right; {format_count(n_silent)} of {format_count(line.n)} without a verdict"
        yield _line(f"{line.prompt} at temperature {line.temperature:g}", line.accuracy, "rate", note)


def _robustness(found: Robustness) -> Iterator[FurtherFigure]:
    for line in found.lines:
        before, after = (format_number(value.value, "rate") for value in (line.right_before, line.right_after))
        note = f"right and unchanged; right {before} before, {after} after"
        yield _line(f"Survives {line.kind}", line.robust, "rate", note)


def _line(label: str, figure: Estimate, scale: Scale, note: str) -> FurtherFigure:
    """A figure with its note, or with the reason why it was not measured."""
    return FurtherFigure(label, format_estimate(figure, scale), find_reason(figure.value) or note)


def _score(value: Number) -> str:
    return format_number(value, "score")
