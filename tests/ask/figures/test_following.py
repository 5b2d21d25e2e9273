"""The best of several rules, judged on other groups than chose it."""

from __future__ import annotations

import numpy as np
from tests.ask.builders import make_pairs

from vulnscope.ask.figures.following import follow_best
from vulnscope.ask.figures.paired_scores import ScoreTable, best_of
from vulnscope.stats import Groups, auroc_statistic, deal_folds

SAMPLES = make_pairs(100)
ITEMS = ScoreTable.of(SAMPLES, {sample.id: sample.pair_id or "" for sample in SAMPLES})
GROUPS = Groups.from_labels(ITEMS.groups)


def area(scores: np.ndarray) -> float:
    return float(auroc_statistic(scores, ITEMS.is_vulnerable, GROUPS, ITEMS.strata)(np.ones((1, 100)))[0])


def test_a_rule_that_leads_everywhere_is_followed_everywhere() -> None:
    generator = np.random.default_rng(0)
    rules = {"noise": generator.normal(size=200), "good": ITEMS.is_vulnerable + generator.normal(size=200)}
    found = follow_best(rules, ITEMS)
    assert found.names == ("good",) * 5
    assert found.name == "good"
    np.testing.assert_array_equal(found.scores, rules["good"])


def test_no_fold_chooses_for_itself() -> None:
    """A rule that is right in one fold alone is not followed there, where that is all it has."""
    fold = deal_folds(GROUPS) == 2
    rules = {
        "steady": 0.5 * ITEMS.is_vulnerable + np.arange(200) % 7 / 7,
        "here": np.where(fold, ITEMS.is_vulnerable, 0.0),
    }
    found = follow_best(rules, ITEMS)
    np.testing.assert_array_equal(found.scores[fold], rules["steady"][fold])


def test_of_rules_at_chance_the_followed_one_is_at_chance_and_the_best_is_not() -> None:
    followed, best = [], []
    for generator in np.random.default_rng(0).spawn(60):
        rules = {str(k): generator.normal(size=200) for k in range(8)}
        followed.append(area(follow_best(rules, ITEMS).scores))
        best.append(area(rules[best_of(rules, ITEMS)]))
    assert abs(float(np.mean(followed)) - 0.5) < 0.015
    assert float(np.mean(best)) > 0.54


def test_a_single_group_ranks_nothing_and_follows_the_first() -> None:
    one = ScoreTable(ITEMS.is_vulnerable[:4], ("g",) * 4, ITEMS.strata[:4], ITEMS.pairs[:4])
    rules = {"worse": np.zeros(4), "better": one.is_vulnerable.astype(float)}
    assert follow_best(rules, one).names == ("worse",)
