"""Two studies in one sentence: what each says and knows, and what differs on the same items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vulnscope.records.base import NotMeasured
from vulnscope.report.format import format_change, format_change_interval, format_p
from vulnscope.stats import LEVEL, is_impossible

if TYPE_CHECKING:
    from vulnscope.records.audit import SubjectInfo
    from vulnscope.report.format import Scale
    from vulnscope.study.record import StudyRecord
    from vulnscope.study.two.record import Difference, FigureDifference

_KEY_FIGURES: tuple[tuple[str, str, Scale], ...] = (
    ("pair-correct", "pairs right", "rate"),
    ("says", "AUROC of the margin", "score"),
    ("probe", "AUROC of the probe", "score"),
)


def name_sides(first: SubjectInfo, second: SubjectInfo) -> tuple[str, str]:
    """Both names; where they are equal, with how the two were opened."""
    if first.name != second.name:
        return first.name, second.name
    shown = ("revision", "adapter", "quantization", "dtype")
    different = [name for name in shown if getattr(first, name) != getattr(second, name)]

    def describe(info: SubjectInfo) -> str:
        parts = [f"{name} {getattr(info, name)}" if getattr(info, name) else f"no {name}" for name in different]
        return f"{info.name} ({', '.join(parts)})" if parts else info.name

    return describe(first), describe(second)


def write_sentence(
    studies: tuple[StudyRecord, StudyRecord],
    names: tuple[str, str],
    figures: Sequence[FigureDifference],
    n_items: int,
) -> str:
    """The two diagnoses, then the differences that are shown, then those that are not and what could have been."""
    one, other = (study.verdict.diagnosis for study in studies)
    if one == other:
        opening = f"A ({names[0]}) and B ({names[1]}), both: {one}"
    else:
        opening = f"A ({names[0]}): {one}; B ({names[1]}): {other}"
    found = {row.name: row.difference for row in figures}
    clauses = [
        (is_shown(found[name]), _state(words, scale, found[name], n_items))
        for name, words, scale in _KEY_FIGURES
        if name in found and not isinstance(found[name].change.value, NotMeasured)
    ]
    if not clauses:
        return f"{opening}. No difference could be measured"
    parts = [text for is_clear, text in clauses if is_clear]
    if rest := [text for is_clear, text in clauses if not is_clear]:
        parts.append("no difference shown in " + " or in ".join(rest))
    return f"{opening}. On the same {n_items:,} samples of {studies[0].corpus.name}, B minus A: {'; '.join(parts)}"


def is_shown(difference: Difference) -> bool:
    """Whether the corrected test shows a difference."""
    return isinstance(difference.p_corrected, float) and difference.p_corrected <= LEVEL


def _state(words: str, scale: Scale, difference: Difference, n_items: int) -> str:
    """`pairs right +30.0 points [+28.0, +32.0] (p < 0.001)`; what is not shown is told with what could have been."""
    unit = " points" if scale == "rate" else ""
    change = f"{format_change(difference.change.value, scale)}{unit}"
    change = f"{change} {format_change_interval(difference.change, scale)}".rstrip()
    n = difference.change.n
    # A rate of pairs counts pairs.
    where = f", {n:,} samples" if scale == "score" and n != n_items else ""
    found = format_p(difference.p_corrected)
    p = f"p {found}" if found[0] == "<" else f"p = {found}"
    if isinstance(difference.p_corrected, NotMeasured):
        p = f"a difference {found}" if is_impossible(difference.p_corrected) else ""
    if is_shown(difference):
        return f"{words} {change} ({p}{where})"
    if not isinstance(difference.detectable, NotMeasured):
        where = f"; could have shown {format_change(difference.detectable, scale).lstrip('+')}{unit}{where}"
    # An interval of one figure by itself may leave out 0: why nothing is claimed is seen from the corrected p-value.
    return f"{words} ({change}{p and f', {p}'}{where})"
