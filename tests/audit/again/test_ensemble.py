from __future__ import annotations

import numpy as np
import pytest
from tests.ask.builders import make_items, make_pairs

from vulnscope.ask.figures.slices import JudgedSample
from vulnscope.audit.again.ensemble import combine_answers, match_runs
from vulnscope.errors import InputError
from vulnscope.records.rows import Says
from vulnscope.stats import auroc


def make_run(margins: list[float], says: list[Says] | None = None) -> list[JudgedSample]:
    return make_items(make_pairs(len(margins) // 2), margins, says)


def test_mean_averages_margins_and_says_their_sign() -> None:
    answers = match_runs([make_run([1.0, 2.0]), make_run([3.0, -4.0])])
    first, second = combine_answers(answers, "mean")
    assert (first.margin, first.says) == (2.0, "vulnerable")
    assert (second.margin, second.says) == (-1.0, "fixed")


def test_a_vote_counts_parsed_answers_and_a_tie_is_no_verdict() -> None:
    runs = [
        make_run([9.0, 1.0], ["vulnerable", "vulnerable"]),
        make_run([-1.0, 1.0], ["fixed", "unparsed"]),
        make_run([-1.0, -1.0], ["fixed", "fixed"]),
    ]
    first, second = combine_answers(match_runs(runs), "vote")
    assert (first.says, first.margin) == ("fixed", pytest.approx(-1 / 3))
    assert (second.says, second.margin) == ("unparsed", 0.0)


def draw(n_pairs: int, skill: float, seed: int) -> list[float]:
    generator = np.random.default_rng(seed)
    return [float(generator.normal() + skill * (place % 2 == 0)) for place in range(2 * n_pairs)]


def test_stacking_weighs_the_run_that_knows() -> None:
    knows, noise = draw(100, 1.5, 0), [50 * margin for margin in draw(100, 0.0, 1)]
    answers = match_runs([make_run(knows), make_run(noise)])
    truth = [place % 2 == 0 for place in range(200)]
    stacked = [row.margin for row in combine_answers(answers, "stacked")]
    mean = [row.margin for row in combine_answers(answers, "mean")]
    assert float(auroc(stacked, truth)) > 0.8  # type: ignore[arg-type]
    assert float(auroc(mean, truth)) < 0.6  # type: ignore[arg-type]


def test_stacking_learns_nothing_from_noise() -> None:
    areas = []
    for seed in range(20):
        answers = match_runs([make_run(draw(40, 0.0, 10 * seed + run)) for run in range(4)])
        rows = combine_answers(answers, "stacked", seed=seed)
        areas.append(float(auroc([row.margin for row in rows], [place % 2 == 0 for place in range(80)])))  # type: ignore[arg-type]
    assert np.mean(areas) == pytest.approx(0.5, abs=0.05)


def test_stacking_needs_other_groups() -> None:
    with pytest.raises(InputError, match="use --how mean or --how vote"):
        combine_answers(match_runs([make_run([1.0, -1.0]), make_run([1.0, 0.0])]), "stacked")


def test_only_samples_that_all_runs_answered_are_combined() -> None:
    runs = [make_run([1.0, 2.0, 3.0, 4.0]), make_run([1.0, 2.0, 3.0, 4.0])[2:]]
    assert [each[0].sample.id for each in match_runs(runs)] == ["001-vulnerable", "001-fixed"]


def test_answers_in_words_are_voted_on_and_not_averaged() -> None:
    (row, *_) = combine_answers(match_runs([make_run([1.0, -1.0]), make_run([2.0, 1.0])]), "vote")
    assert row.readout == "text"
    assert [(answer.prompt, answer.says) for answer in row.answers] == [
        ("vote", "vulnerable"),
        ("run 1", "vulnerable"),
        ("run 2", "vulnerable"),
    ]
    in_words = [JudgedSample(item.sample, row, item.group, item.place) for item in make_run([1.0, -1.0])]
    with pytest.raises(InputError, match="no log-odds to average; use --how vote or --how stacked"):
        combine_answers(match_runs([in_words, in_words]), "mean")
