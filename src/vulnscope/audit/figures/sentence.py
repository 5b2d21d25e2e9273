"""The audit in one sentence of at most 45 words, from the figures of a record and nothing else.

Figures stand without their intervals here; the page has both in the lines below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.records.base import NotMeasured
from vulnscope.report.apart import describe_by_language
from vulnscope.report.format import format_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vulnscope.records.answers import MarginKind
    from vulnscope.records.audit import CorpusInfo, Slice
    from vulnscope.records.base import Number
    from vulnscope.report.format import Scale

MOST_WORDS = 45
_NOTED_UNPARSED_RATE = 0.02


def write_sentence(
    overall: Slice, corpus: CorpusInfo, readout: MarginKind = "log-odds", slices: Sequence[Slice] = ()
) -> str:
    """How often it says vulnerable, how many pairs it gets right against chance, and how its margins rank twins.

    Beside the ranking stands what the best rule without a model reaches.
    """
    scores = "margins" if readout == "log-odds" else "verdicts"
    parts = [_describe_answers(overall, slices)]
    if overall.n_pairs:
        parts.append(
            f"both twins right in {_percent(overall.pair_correct.value)} of pairs, by chance "
            f"{_percent(overall.pair_correct_chance)}"
        )
        ranked = [each.pair_rank.value for each in overall.baselines]
        parts.append(f"{scores} rank {_percent(overall.pair_rank.value)} of twins right{_add_rule(ranked, 'rate')}")
    else:
        ranked = [each.auroc.value for each in overall.baselines]
        area = overall.auroc.value
        shown = "not measured" if isinstance(area, NotMeasured) else format_number(area, "score")
        parts.append(f"no pairs; AUROC of {scores} {shown}{_add_rule(ranked, 'score')}")
    if corpus.name == "synthetic":
        parts[0] = f"On generated code: {parts[0]}"
    # Where the sentence would become long, the lines below it have the pairs as well.
    while len(parts) > 2 and len(" ".join(parts).split()) > MOST_WORDS:
        del parts[1]
    sentence = "; ".join(parts)
    return sentence[0].upper() + sentence[1:]


def _describe_answers(overall: Slice, slices: Sequence[Slice]) -> str:
    unparsed = overall.unparsed_rate.value
    if unparsed == 1.0:
        return "never gives a clear answer"
    said = describe_by_language(overall, slices) or (
        f"says vulnerable to {_percent(overall.yes_rate.value)} of all samples"
    )
    if isinstance(unparsed, float) and unparsed >= _NOTED_UNPARSED_RATE:
        return f"{said} and gives no clear answer to {_percent(unparsed)}"
    return said


def _add_rule(figures: Sequence[Number], scale: Scale) -> str:
    """What the best rule without a model reaches; empty where none was measured."""
    measured = [value for value in figures if not isinstance(value, NotMeasured)]
    return f", the best surface rule {format_number(max(measured), scale)}" if measured else ""


def _percent(rate: Number) -> str:
    return "not measured" if isinstance(rate, NotMeasured) else format_number(rate, "rate")
