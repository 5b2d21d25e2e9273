"""Figures per prompt, over repeats, of weaknesses and of lines, on worked examples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
from tests.ask.builders import make_items, make_pairs

from vulnscope.ask.figures.answer_measures import measure_answers
from vulnscope.ask.figures.slices import JudgedSample, measure_slice
from vulnscope.ask.worded.answers_to_rows import make_row, unify_readouts
from vulnscope.corpora import Sample
from vulnscope.records.answers import AnswerFigures, Expectation, TextAnswer
from vulnscope.stats import Bootstrap

BOOTSTRAP = Bootstrap(n_draws=200, seed=0)
PAIRS = make_pairs(4)
VERDICT = Expectation(form="verdict")


def answer(says: str, prompt: str = "S1", **fields: Any) -> TextAnswer:
    values = {
        "prompt": prompt,
        "turns": ("…",),
        "expects": VERDICT,
        "state": "unparsed" if says == "unparsed" else "parsed",
        "says": says,
        "n_prompt_tokens": 1,
    }
    return TextAnswer.model_validate({**values, **fields})


def items_of(samples: Sequence[Sample], answers: Sequence[Sequence[TextAnswer]]) -> list[JudgedSample]:
    return [
        item._replace(row=make_row(item.sample, own, protocol="p", parser="strict", counterpart=None))
        for item, own in zip(make_items(samples, [0.0] * len(samples)), answers, strict=True)
    ]


def measured(answers: Sequence[Sequence[TextAnswer]], samples: Sequence[Sample] = PAIRS) -> AnswerFigures:
    figures = measure_answers(items_of(samples, answers), BOOTSTRAP)
    assert figures is not None
    return figures


def test_scores_alone_have_no_such_figures() -> None:
    assert measure_answers(make_items(PAIRS, [0.0] * 8), BOOTSTRAP) is None


def test_each_prompt_has_its_own_figures() -> None:
    right = ["vulnerable", "fixed"] * 4
    always = ["vulnerable"] * 7 + ["unparsed"]
    figures = measured([(answer(a, "S1"), answer(b, "S2")) for a, b in zip(right, always, strict=True)])
    first, second = figures.prompts
    assert (first.prompt, first.accuracy.value, first.pair_correct.value) == ("S1", 1.0, 1.0)
    assert (second.yes_rate.value, second.accuracy.value, second.pair_correct.value) == (7 / 8, 0.5, 0.0)
    assert second.states == {"parsed": 7, "unparsed": 1, "refused": 0, "cut": 0}
    assert figures.states["parsed"] == 15
    assert figures.stability == ()
    assert figures.weaknesses is None
    assert figures.lines is None


def test_what_is_silent_under_one_prompt_is_ranked_by_the_others_and_ties_where_all_are() -> None:
    said = [("vulnerable", "unparsed"), ("fixed", "unparsed"), ("unparsed", "unparsed"), ("vulnerable", "fixed")]
    items = items_of(PAIRS[:4], [(answer(a, "S1"), answer(b, "S2")) for a, b in said])
    scores = [item.row.mean_rank_score for item in items]
    assert scores[:2] + scores[3:] == [1.0, -1.0, 0.0]
    assert math.isnan(scores[2])
    # 1 beats -1; the silent vulnerable twin ties with the fixed ones; 1 beats 0: counted between groups alone.
    figures = measure_slice("all", "all", items, (), BOOTSTRAP)
    assert figures.mean_margin_auroc.value == pytest.approx((1 + 0.5) / 2)


def test_impossible_log_probabilities_are_counted() -> None:
    figures = measured([(answer("fixed", has_impossible=place < 3),) for place in range(8)])
    assert figures.n_impossible == 3


def test_repeats_are_stable_where_all_give_one_verdict() -> None:
    said = [("vulnerable", "vulnerable"), ("vulnerable", "fixed"), ("fixed", "fixed"), ("unparsed", "unparsed")] * 2
    figures = measured([[answer(says, repeat=n, temperature=0.2) for n, says in enumerate(both)] for both in said])
    (stability,) = figures.stability
    assert (stability.n_repeats, stability.temperature) == (2, 0.2)
    assert stability.same_verdict.value == 0.5
    # The vulnerable sample said so twice; the vulnerable one of the other pair was called fixed.
    assert stability.always_right.value == 0.25
    assert stability.n_silent == 2


def test_named_weaknesses_are_shared_out() -> None:
    matches = ["exact", None, "parent", None, "none", None, "exact", None]
    figures = measured([[answer("vulnerable", cwe_match=match)] for match in matches]).weaknesses
    assert figures is not None
    assert figures.n == 4
    assert (figures.exact.value, figures.parent.value, figures.child.value, figures.none.value) == (0.5, 0.25, 0, 0.25)


def test_lines_are_held_against_the_change() -> None:
    code = "".join(f"line{number}\n" for number in range(10))
    samples = [sample.model_copy(update={"code": code, "changed_lines": (3, 4)}) for sample in PAIRS]
    lines = Expectation(form="lines")
    named: list[tuple[int, ...]] = [(3, 4), (), (4, 5, 6, 7), (), (9,), (), (), ()]
    figures = measured(
        [[answer("vulnerable" if each else "fixed", lines=each, expects=lines)] for each in named], samples
    ).lines
    assert figures is not None
    assert figures.n == 4
    assert figures.hit.value == 0.5
    assert figures.precision.value == pytest.approx((1 + 0.25 + 0 + 0) / 4)
    assert figures.recall.value == pytest.approx((1 + 0.5 + 0 + 0) / 4)
    assert figures.share_named.value == pytest.approx((0.2 + 0.4 + 0.1 + 0) / 4)


def test_margins_of_one_run_are_on_one_scale() -> None:
    nats = make_row(PAIRS[0], [answer("vulnerable", log_odds=3.5)], protocol="p", parser="strict", counterpart=None)
    vote = make_row(PAIRS[1], [answer("fixed")], protocol="p", parser="strict", counterpart=None)
    assert unify_readouts([nats])[0].margin == 3.5
    assert [row.margin for row in unify_readouts([nats, vote])] == [1.0, -1.0]
