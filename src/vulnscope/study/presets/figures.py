"""Rows of the preset to figures: the keyword parser's verdicts, and the default protocol's margins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vulnscope.ask.figures.paired_scores import measure_auroc, measure_pair_rank, pair_rank_change_p
from vulnscope.ask.worded.parsers.keyword import parse_keyword
from vulnscope.records.answers import Expectation
from vulnscope.records.base import Estimate, NotMeasured, not_measured
from vulnscope.report.format import format_estimate, format_number
from vulnscope.stats import LEVEL, Groups, correct, estimate_mean, is_impossible
from vulnscope.study.presets.record import Judged, ReproducedRow, Said

if TYPE_CHECKING:
    from vulnscope.ask.figures.paired_scores import ScoreTable
    from vulnscope.stats import Bootstrap

_EXPECTS = Expectation(form="verdict")


class Answers(NamedTuple):
    """What was said of every sample in one setting."""

    first: tuple[str, ...]
    whole: tuple[str, ...]
    margins: np.ndarray
    says: tuple[str, ...]


class Figures(NamedTuple):
    """The figures of one setting."""

    first: Said
    whole: Said
    default: Judged


def read_answers(row: Mapping[str, Any]) -> Answers:
    """A stored row."""
    return Answers(tuple(row["first"]), tuple(row["whole"]), np.array(row["margins"]), tuple(row["says"]))


def choose_answers(is_first: Sequence[bool], first: Answers, second: Answers) -> Answers:
    """Sample by sample, what is said in `first` where `is_first`, else in `second`."""

    def choose(one: Sequence[Any], other: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(a if is_own else b for is_own, a, b in zip(is_first, one, other, strict=True))

    return Answers(
        first=choose(first.first, second.first),
        whole=choose(first.whole, second.whole),
        margins=np.where(is_first, first.margins, second.margins),
        says=choose(first.says, second.says),
    )


def judge(answers: Answers, clean: Answers, items: ScoreTable, bootstrap: Bootstrap) -> Figures:
    """The figures of `answers` beside those without steering."""
    is_yes = np.array([says == "vulnerable" for says in answers.says])
    return Figures(
        first=_parse(answers.first, clean.first, items, bootstrap),
        whole=_parse(answers.whole, clean.whole, items, bootstrap),
        default=Judged(
            yes_rate=_share(is_yes, np.ones(len(items), dtype=bool), items, bootstrap),
            auroc=measure_auroc(answers.margins, items, bootstrap),
            pair_rank=measure_pair_rank(answers.margins, items, bootstrap),
            pair_rank_p=pair_rank_change_p(answers.margins, clean.margins, items),
            bias_shift_nats=float(np.mean(answers.margins - clean.margins)),
        ),
    )


def correct_rows(rows: Sequence[ReproducedRow]) -> tuple[ReproducedRow, ...]:
    """The rows with p corrected over all that are steered; the others are not tested."""
    p_values = [row.default.pair_rank_p if row.layers else NotMeasured(reason="not steered") for row in rows]
    n_groups = [row.default.pair_rank.n_groups for row in rows]
    changes = [
        {"pair_rank_p": p, "pair_rank_p_corrected": corrected}
        for p, corrected in zip(p_values, correct(p_values, n_groups).p_values, strict=True)
    ]
    return tuple(
        row.model_copy(update={"default": row.default.model_copy(update=change)})
        for row, change in zip(rows, changes, strict=True)
    )


def write_sentence(subject: str, rows: Sequence[ReproducedRow]) -> str:
    """What the old protocol shows and what it hides, from the plainest prompt."""
    prompt = rows[0].prompt
    own = [row for row in rows if row.prompt == prompt]
    clean, written = own[0], [row for row in own if row.indexing.startswith("as-written")]
    right = [row for row in own if row.indexing == "right"]
    said = [row.whole_answer for row in written]
    steered = [row.default.pair_rank_p_corrected for row in rows if row.layers]
    n_changed = sum(not isinstance(p, NotMeasured) and p <= LEVEL for p in steered)
    n_groups = clean.default.pair_rank.n_groups
    excuse = f", and with {n_groups} groups no single one could" if any(map(is_impossible, steered)) else ""
    return (
        f"Read by the keyword parser, answers of {subject} to the {prompt} prompt are right on "
        f"{format_estimate(clean.whole_answer.vulnerable_right, 'rate')} of vulnerable and "
        f"{format_estimate(clean.whole_answer.fixed_right, 'rate')} of fixed samples without steering; as written, "
        f"{len(written)} settings of steering give {_range([each.vulnerable_right for each in said])} and "
        f"{_range([each.fixed_right for each in said])}. The margin ranks "
        f"{format_estimate(clean.default.pair_rank, 'rate')} of twins without steering and "
        f"{_range([row.default.pair_rank for row in right])} with the right indexing; "
        f"{n_changed or 'none'} of {len(steered)} settings, whatever the indexing, "
        f"change{'s' if n_changed < 2 else ''} that beyond chance"
        f"{excuse}."
    )


def _parse(texts: Sequence[str], clean: Sequence[str], items: ScoreTable, bootstrap: Bootstrap) -> Said:
    says, before = ([parse_keyword(text, _EXPECTS).says for text in each] for each in (texts, clean))
    is_right = np.array(
        [said == ("vulnerable" if label else "fixed") for said, label in zip(says, items.is_vulnerable, strict=True)]
    )
    twins = items.twins()
    both = np.zeros(len(items), dtype=bool)
    both[twins[:, 0]] = is_right[twins[:, 0]] & is_right[twins[:, 1]]
    is_first = np.zeros(len(items), dtype=bool)
    is_first[twins[:, 0]] = True
    return Said(
        vulnerable_right=_share(is_right, items.is_vulnerable, items, bootstrap),
        fixed_right=_share(is_right, ~items.is_vulnerable, items, bootstrap),
        pair_correct=_share(both, is_first, items, bootstrap),
        n_unparsed=sum(not text.strip() for text in texts),
        n_changed_answers=sum(one != other for one, other in zip(texts, clean, strict=True)),
        n_changed_verdicts=sum(one != other for one, other in zip(says, before, strict=True)),
    )


def _share(flags: np.ndarray, is_kept: np.ndarray, items: ScoreTable, bootstrap: Bootstrap) -> Estimate:
    """Share of `flags` among the items kept, with its interval by group."""
    own = items.part(is_kept)
    if not len(own):
        return not_measured("no samples")
    return estimate_mean(flags[is_kept], Groups.from_labels(own.groups), bootstrap)


def _range(shares: Sequence[Estimate]) -> str:
    """Lowest to highest of what was measured."""
    values = [share.value for share in shares if not isinstance(share.value, NotMeasured)]
    if not values:
        return "not measured"
    low, high = (format_number(end, "rate") for end in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"
