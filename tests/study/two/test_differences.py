"""Differences between two subjects are paired, exact where a share is compared, and honest about what n can show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from tests.audit.again.test_comparison import draw_runs
from tests.study.test_diagnosis import about

from vulnscope.ask.figures.slices import JudgedSample
from vulnscope.audit.again.comparison import compare_items, match_items
from vulnscope.corpora import Corpus, load_corpus
from vulnscope.records.base import NotMeasured
from vulnscope.records.probe import HeldOut, ProbeRecord
from vulnscope.records.steer import Outcome, SteeredItem, SteerRecord
from vulnscope.stats import Bootstrap, Groups, deal_folds, detectable_in_family, holm
from vulnscope.study.two.differences import (
    UNSTEERED,
    compare_answers,
    compare_interventions,
    compare_probes,
    correct_figures,
    correct_interventions,
)
from vulnscope.study.two.record import Difference, FigureDifference
from vulnscope.study.two.words import is_shown

BOOTSTRAP = Bootstrap(n_draws=200)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return load_corpus("synthetic", n_pairs=60)


def answers(before: list[JudgedSample], after: list[JudgedSample]) -> dict[str, Difference]:
    both = match_items(before, after)
    rows = compare_answers(both, compare_items(both, BOOTSTRAP).overall, BOOTSTRAP)
    return {row.name: row.difference for row in rows}


def test_what_they_say_is_compared_as_run_compare_does() -> None:
    before, after = draw_runs(gain=2.0)
    found, changes = answers(before, after), compare_items(match_items(before, after), BOOTSTRAP).overall.changes
    for name, measure in (("says", "auroc"), ("pair-correct", "pair-correct"), ("yes-rate", "yes-rate")):
        own = next(change for change in changes if change.measure == measure)
        assert (found[name].change, found[name].p) == (own.change, own.p), name
        assert float(found[name].second.value) - float(found[name].first.value) == pytest.approx(
            float(own.change.value)
        ), name


def test_a_threshold_is_each_ones_own() -> None:
    before, _ = draw_runs()
    # The same ranking, with all answers "vulnerable": a threshold restores it.
    moved = [
        item._replace(row=item.row.model_copy(update={"margin": item.row.margin + 20, "says": "vulnerable"}))
        for item in before
    ]
    found = answers(before, moved)
    truth = [item.is_vulnerable for item in before]
    assert found["accuracy"].first.value == pytest.approx(
        balanced_accuracy_score(truth, [item.row.says == "vulnerable" for item in before])
    )
    assert found["accuracy"].second.value == 0.5
    assert found["says"].change.value == found["threshold-accuracy"].change.value == 0.0
    assert found["threshold-accuracy"].p == 1.0
    # What B loses by its answers its threshold wins back.
    assert float(found["threshold-gain"].change.value) == pytest.approx(-float(found["accuracy"].change.value))
    back = answers(moved, before)["accuracy"]
    assert back.change.value == pytest.approx(-float(found["accuracy"].change.value))
    assert back.p == found["accuracy"].p


@pytest.mark.slow
def test_models_without_a_difference_are_hardly_ever_told_apart() -> None:
    """A simulation; thresholds that were held fixed were told apart in more than one draw of ten."""
    n_draws, shown, wrong = 120, 0, dict.fromkeys(("threshold-accuracy", "threshold-gain"), 0)
    for seed in range(n_draws):
        both = match_items(*draw_runs(seed=seed))
        rows = correct_figures(compare_answers(both, compare_items(both, BOOTSTRAP).overall, BOOTSTRAP))
        shown += any(is_shown(row.difference) for row in rows)
        for row in rows:
            if row.name in wrong:
                wrong[row.name] += float(row.difference.p) <= 0.05
    assert shown / n_draws <= 0.065
    assert max(wrong.values()) / n_draws <= 0.065


def probed(corpus: Corpus, effect: float, seed: int) -> ProbeRecord:
    generator = np.random.default_rng(seed)
    held_out = tuple(
        HeldOut(
            sample=sample.id,
            probe=float(generator.normal() + effect * (sample.label == "vulnerable")),
            baseline=float(generator.normal()),
            logits=float(generator.normal()),
        )
        for sample in corpus.samples
    )
    return ProbeRecord.model_construct(held_out=held_out)


def test_probes_are_compared_on_the_items_read_of_both(corpus: Corpus) -> None:
    first, second = probed(corpus, 0.0, 1), probed(corpus, 3.0, 2)
    fewer = second.model_copy(update={"held_out": second.held_out[:-2]})
    rows, n = compare_probes(first, fewer, corpus, BOOTSTRAP)
    assert n == len(corpus.samples) - 2
    found = {row.name: row.difference for row in rows}
    assert float(found["probe"].change.low) > 0.2
    assert float(found["probe"].p) < 0.01
    assert float(found["baseline"].change.low) < 0 < float(found["baseline"].change.high)
    for name in ("over-baseline", "gap"):
        sides = float(found[name].second.value) - float(found[name].first.value)
        assert found[name].change.value == pytest.approx(sides)
    same, _ = compare_probes(first, first, corpus, BOOTSTRAP)
    assert all(row.difference.change.value == 0.0 and row.difference.p == 1.0 for row in same)


def steered(corpus: Corpus, threshold: float, name: str = "threshold only") -> SteerRecord:
    generator = np.random.default_rng(5)
    margins = [float(3 * (s.label == "vulnerable") + 0.1 * generator.normal()) for s in corpus.samples]

    def say(cut: float) -> list[str]:
        return ["vulnerable" if margin > cut else "fixed" for margin in margins]

    items = tuple(
        SteeredItem(sample=sample.id, margin=margin, says=says)  # type: ignore[arg-type]
        for sample, margin, says in zip(corpus.samples, margins, say(-9.0), strict=True)
    )
    settings: dict[str, Any] = {"name": name, "kind": "threshold", "what": f"{threshold}", "effect": "criterion only"}
    outcome = Outcome.model_construct(
        margins=tuple(margin - threshold for margin in margins), says=tuple(say(threshold)), **settings
    )
    return SteerRecord.model_construct(items=items, outcomes=(outcome,))


def test_interventions_are_compared_on_the_same_held_out_items(corpus: Corpus) -> None:
    rows, n = compare_interventions(steered(corpus, -9.0), steered(corpus, 1.5), corpus, BOOTSTRAP)
    assert n == len(corpus.samples)
    clean, cut = rows
    assert (clean.name, clean.kind, clean.pair_correct.change.value) == (UNSTEERED, None, 0.0)
    assert cut.what == ("-9.0", "1.5")
    pairs = cut.pair_correct
    assert (pairs.first.value, pairs.second.value, pairs.change.value) == (0.0, 1.0, 1.0)
    assert float(pairs.change.low) > 0.8
    assert pairs.p == pytest.approx(2.0**-59)
    assert cut.auroc.change.value == 0.0
    alone, _ = compare_interventions(steered(corpus, 0.0, "one"), steered(corpus, 0.0, "other"), corpus, BOOTSTRAP)
    assert [row.name for row in alone] == [UNSTEERED]


def test_p_values_are_corrected_over_their_table(corpus: Corpus) -> None:
    ps: list[Any] = [0.01, 0.02, NotMeasured(reason="too few groups")]
    rows = [
        FigureDifference(
            name="says",
            difference=Difference(
                first=about(0.5), second=about(0.6), change=about(0.1), p=p, p_corrected=p, detectable=0.1
            ),
        )
        for p in ps
    ]
    assert [row.difference.detectable for row in correct_figures(rows)] == [detectable_in_family(0.1, 2)] * 3
    corrected = [row.difference.p_corrected for row in correct_figures(rows)]
    assert corrected == [*holm([0.01, 0.02]), ps[2]]
    interventions, _ = compare_interventions(steered(corpus, -9.0), steered(corpus, 1.5), corpus, BOOTSTRAP)
    fixed = correct_interventions(interventions)
    assert [row.pair_correct.p_corrected for row in fixed] == [1.0, pytest.approx(4 * 2.0**-59)]


@pytest.mark.slow
def test_probes_that_know_alike_are_hardly_ever_told_apart(corpus: Corpus) -> None:
    """A simulation of linear probes, fitted on the other folds as those of a study are."""
    truth = np.array([sample.label == "vulnerable" for sample in corpus.samples])
    groups = Groups.from_labels([corpus.groups[sample.id] for sample in corpus.samples])
    folds, n_draws, wrong = deal_folds(groups), 120, 0
    for seed in range(n_draws):
        generator = np.random.default_rng(seed)
        pair = [read_out(generator.normal(size=(len(truth), 16)) + 0.3 * truth[:, None], truth, folds) for _ in "AB"]
        records = [
            ProbeRecord.model_construct(
                held_out=tuple(
                    HeldOut(sample=sample.id, probe=float(score), baseline=0.0, logits=0.0)
                    for sample, score in zip(corpus.samples, scores, strict=True)
                )
            )
            for scores in pair
        ]
        rows, _ = compare_probes(records[0], records[1], corpus, BOOTSTRAP)
        wrong += float(rows[0].difference.p) <= 0.05
    assert wrong / n_draws <= 0.065


def read_out(features: np.ndarray, truth: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Out-of-fold scores of a logistic regression."""
    scores = np.zeros(len(truth))
    for fold in np.unique(folds):
        model = LogisticRegression(C=0.1).fit(features[folds != fold], truth[folds != fold])
        scores[folds == fold] = model.decision_function(features[folds == fold])
    return scores
