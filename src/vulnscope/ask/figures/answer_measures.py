"""Figures that only answers in words have: per prompt, over repeats, of named weaknesses and of named lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from vulnscope.ask.figures.slices import JudgedSample, group_items, pair_up
from vulnscope.records.answers import (
    MATCHES,
    STATES,
    AnswerFigures,
    LineFigures,
    PromptFigures,
    Stability,
    TextAnswer,
    WeaknessFigures,
)
from vulnscope.records.base import Estimate, not_measured
from vulnscope.records.rows import Says
from vulnscope.stats import Bootstrap, chance_pair_correct, estimate_mean

Key = tuple[str, float]


class _Answered(NamedTuple):
    """An item with its answers to one prompt at one temperature, by repeat."""

    item: JudgedSample
    answers: tuple[TextAnswer, ...]


def measure_answers(items: Sequence[JudgedSample], bootstrap: Bootstrap) -> AnswerFigures | None:
    """The figures over all `items`; None where rows hold no answers in words or listed options."""
    parsers = [item.row.parser for item in items if item.row.answers]
    if not parsers:
        return None
    answered = _by_prompt(items)
    states = Counter(answer.state for item in items for answer in item.row.answers)
    return AnswerFigures(
        parser=parsers[0],
        states={state: states[state] for state in STATES},
        n_impossible=sum(answer.has_impossible for item in items for answer in item.row.answers),
        prompts=tuple(_measure_prompt(key, found, bootstrap) for key, found in answered.items()),
        stability=tuple(
            _measure_stability(key, found, bootstrap)
            for key, found in answered.items()
            if max(len(each.answers) for each in found) > 1
        ),
        weaknesses=_measure_weaknesses(items, bootstrap),
        lines=_measure_lines(items, bootstrap),
    )


def _by_prompt(items: Sequence[JudgedSample]) -> Mapping[Key, list[_Answered]]:
    """Items by prompt and temperature, in the order of first appearance."""
    found: dict[Key, list[_Answered]] = {}
    for item in items:
        own: dict[Key, list[TextAnswer]] = {}
        for answer in item.row.answers:
            own.setdefault((answer.prompt, answer.temperature), []).append(answer)
        for key, answers in own.items():
            found.setdefault(key, []).append(_Answered(item, tuple(answers)))
    return found


def _measure_prompt(key: Key, answered: Sequence[_Answered], bootstrap: Bootstrap) -> PromptFigures:
    says = {each.item.sample.id: each.answers[0].says for each in answered}
    items = [each.item for each in answered]
    pairs = pair_up(items)
    paired: list[Says] = [says[item.sample.id] for twins in pairs for item in twins]
    right = [vulnerable == "vulnerable" and fixed == "fixed" for vulnerable, fixed in _by_two(paired)]
    states = Counter(each.answers[0].state for each in answered)
    return PromptFigures(
        prompt=key[0],
        temperature=key[1],
        n=len(items),
        states={state: states[state] for state in STATES},
        yes_rate=_mean([says[item.sample.id] == "vulnerable" for item in items], items, bootstrap),
        accuracy=_mean([says[item.sample.id] == item.sample.label for item in items], items, bootstrap),
        pair_correct=_mean(right, [twins.vulnerable for twins in pairs], bootstrap, "no pairs"),
        pair_correct_chance=chance_pair_correct(paired),
    )


def _measure_stability(key: Key, answered: Sequence[_Answered], bootstrap: Bootstrap) -> Stability:
    items = [each.item for each in answered]
    verdicts = [{answer.says for answer in each.answers} for each in answered]
    return Stability(
        prompt=key[0],
        temperature=key[1],
        n_repeats=max(len(each.answers) for each in answered),
        same_verdict=_mean([len(said) == 1 and said != {"unparsed"} for said in verdicts], items, bootstrap),
        always_right=_mean(
            [said == {item.sample.label} for said, item in zip(verdicts, items, strict=True)], items, bootstrap
        ),
        n_silent=sum("unparsed" in said for said in verdicts),
    )


def _measure_weaknesses(items: Sequence[JudgedSample], bootstrap: Bootstrap) -> WeaknessFigures | None:
    """Matches of the first answer that asked for a weakness; None where none did."""
    chosen: list[JudgedSample] = []
    matches: list[str] = []
    for item in items:
        answer = _first(item, lambda each: each.cwe_match is not None)
        if answer is not None and answer.cwe_match is not None:
            chosen.append(item)
            matches.append(answer.cwe_match)
    if not chosen:
        return None
    shares = {match: _mean([found == match for found in matches], chosen, bootstrap) for match in MATCHES}
    return WeaknessFigures(n=len(chosen), **shares)


def _measure_lines(items: Sequence[JudgedSample], bootstrap: Bootstrap) -> LineFigures | None:
    """Named against changed lines of the first answer that asked for lines; None where none did."""
    chosen: list[JudgedSample] = []
    figures: list[tuple[float, float, float, float]] = []
    for item in items:
        answer = _first(item, lambda each: each.expects.form == "lines")
        if answer is not None and item.is_vulnerable and item.sample.changed_lines:
            chosen.append(item)
            figures.append(_compare_lines(item, answer))
    if not chosen:
        return None
    hit, precision, recall, share = (list(column) for column in zip(*figures, strict=True))
    return LineFigures(
        n=len(chosen),
        hit=_mean(hit, chosen, bootstrap),
        precision=_mean(precision, chosen, bootstrap),
        recall=_mean(recall, chosen, bootstrap),
        share_named=_mean(share, chosen, bootstrap),
    )


def _compare_lines(item: JudgedSample, answer: TextAnswer) -> tuple[float, float, float, float]:
    """Hit, precision, recall, and the share of the shown lines that is named."""
    first = answer.cut.first_line if answer.cut else 1
    last = answer.cut.last_line if answer.cut else max(1, len(item.sample.code.splitlines()))
    named, changed = set(answer.lines) & set(range(first, last + 1)), set(item.sample.changed_lines)
    common = len(named & changed)
    return (
        float(common > 0),
        common / len(answer.lines) if answer.lines else 0.0,
        common / len(changed),
        len(named) / (last - first + 1),
    )


def _first(item: JudgedSample, is_wanted: Callable[[TextAnswer], bool]) -> TextAnswer | None:
    return next((answer for answer in item.row.answers if is_wanted(answer)), None)


def _mean(
    values: Sequence[float], items: Sequence[JudgedSample], bootstrap: Bootstrap, reason: str = "no samples"
) -> Estimate:
    """Mean with an interval by groups."""
    return estimate_mean(values, group_items(items), bootstrap) if items else not_measured(reason)


def _by_two(values: Sequence[Says]) -> list[tuple[Says, Says]]:
    return list(zip(values[::2], values[1::2], strict=True))
