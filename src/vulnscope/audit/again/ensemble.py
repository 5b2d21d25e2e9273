"""Ensembles of runs: one answer per sample from several, judged like that of one model.

`mean` averages margins (in nats, so a model with large margins counts more) and says what its sign says. `vote` takes
the majority of parsed answers; a tie is no verdict, and the margin is the surplus of votes. `stacked` is a logistic
regression on the standardised margins, fitted on other groups than it answers for, so that nothing is judged by what
taught it.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import numpy as np

from vulnscope.ask.figures.slices import JudgedSample, group_items
from vulnscope.audit.again.config import How
from vulnscope.errors import InputError
from vulnscope.records.answers import COMBINED, AnswerRow, Expectation, TextAnswer
from vulnscope.records.rows import Says
from vulnscope.stats import Floats, deal_folds

Answers = tuple[JudgedSample, ...]
"""The same sample in every run."""


def match_runs(runs: Sequence[Sequence[JudgedSample]]) -> list[Answers]:
    """Samples that all runs answered, in the order of the first."""
    others = [{item.sample.id: item for item in run} for run in runs[1:]]
    return [
        (item, *(other[item.sample.id] for other in others))
        for item in runs[0]
        if all(item.sample.id in other for other in others)
    ]


def combine_answers(answers: Sequence[Answers], how: How, *, seed: int = 0) -> list[AnswerRow]:
    """One row per sample.

    Raises `InputError` where `mean` has no log-odds to average, or `stacked` nothing to learn from.
    """
    votes = [_count_votes(each) for each in answers]
    if how == "vote":
        margins = [vote / len(each) for vote, each in zip(votes, answers, strict=True)]
    elif how == "mean":
        if any(item.row.readout == "text" for each in answers for item in each):
            raise InputError("a run of answers in words has no log-odds to average; use --how vote or --how stacked")
        margins = [fmean(item.row.margin for item in each) for each in answers]
    else:
        margins = _stack(answers, seed).tolist()
    return [_row(each, margin, how) for each, margin in zip(answers, margins, strict=True)]


def _count_votes(answers: Answers) -> int:
    """Answers "vulnerable" more than "fixed"."""
    says = [item.row.says for item in answers]
    return says.count("vulnerable") - says.count("fixed")


def _stack(answers: Sequence[Answers], seed: int) -> Floats:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    first = [each[0] for each in answers]
    groups = group_items(first)
    truth = np.array([item.is_vulnerable for item in first])
    features = np.array([[item.row.margin for item in each] for each in answers])
    folds = deal_folds(groups, seed=seed)
    margins = np.zeros(len(answers))
    for fold in np.unique(folds):
        trains = folds != fold
        if len(set(truth[trains].tolist())) < 2:
            raise InputError(
                f"--how stacked learns from other groups than it answers for, and of the {groups.n_groups} groups here "
                "too few hold both labels; use --how mean or --how vote"
            )
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        model.fit(features[trains], truth[trains])
        margins[~trains] = model.decision_function(features[~trains])
    return margins


def _row(answers: Answers, margin: float, how: How) -> AnswerRow:
    rows = [item.row for item in answers]
    cuts = {row.cut for row in rows}
    # Votes have no scale beyond the verdict: what each run said stands beside it, so that the share is seen.
    others = [_answer(f"run {place}", row.says) for place, row in enumerate(rows, 1)] if how == "vote" else []
    combined = _answer(how, _say(margin), None if how == "vote" else margin)
    return AnswerRow(
        sample=answers[0].sample.id,
        protocol=COMBINED,
        parser=COMBINED,
        readout="text" if how == "vote" else "log-odds",
        answers=(combined, *others),
        margin=margin,
        acquiescence=None,
        mean_margin=margin,
        says=combined.says,
        state=combined.state,
        n_prompt_tokens=sum(row.n_prompt_tokens for row in rows),
        cut=cuts.pop() if len(cuts) == 1 else None,
    )


def _answer(name: str, says: Says, log_odds: float | None = None) -> TextAnswer:
    return TextAnswer(
        prompt=name,
        expects=Expectation(form="verdict"),
        state="unparsed" if says == "unparsed" else "parsed",
        says=says,
        log_odds=log_odds,
        n_prompt_tokens=0,
    )


def _say(margin: float) -> Says:
    return "vulnerable" if margin > 0 else "fixed" if margin < 0 else "unparsed"
