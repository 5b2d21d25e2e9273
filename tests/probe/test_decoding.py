from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.probe.builders import make_feature, make_items

from vulnscope.ask.checks import check_items
from vulnscope.ask.figures.following import Followed
from vulnscope.ask.figures.paired_scores import ScoreTable, measure_difference
from vulnscope.errors import InputError
from vulnscope.probe.against import Against, hold_against
from vulnscope.probe.claims import judge_decodable
from vulnscope.probe.decoding import Decoded, check_features, decode, permute_labels
from vulnscope.probe.folds import deal_folds
from vulnscope.probe.nested import Feature
from vulnscope.records.base import Estimate, NotMeasured, not_measured
from vulnscope.stats import Bootstrap, detectable_auroc_difference


def run(effect: float, surface: float, seed: int = 0) -> Decoded:
    items = make_items(60)
    features = [make_feature(items, effect, seed + 1), make_feature(items, 0.0, seed + 2)]
    baselines = {"length": [make_feature(items, surface, seed + 3, 2)], "tokens": [make_feature(items, 0.0, seed + 4)]}
    folds = deal_folds(items.groups, 5, 3, 0)
    return decode(features, baselines, items, folds, Bootstrap(n_draws=400), n_permutations=39, seed=0)


def test_what_is_in_the_activations_alone_is_known() -> None:
    found = run(3.0, 0.0)
    assert found.claim == "yes"
    assert found.null.p == pytest.approx(1 / 40)
    assert 0.4 < found.null.mean_auroc < 0.6


def test_what_the_surface_shows_as_well_is_not_known() -> None:
    found = run(2.0, 3.0)
    assert found.claim != "yes"
    assert found.against.followed.name == "length"


def test_shuffled_labels_are_not_known() -> None:
    assert run(0.0, 0.0, seed=20).claim != "yes"


def test_twins_of_a_group_are_swapped_together() -> None:
    items = make_items(12, group_size=3)
    permuted = permute_labels(items, 50, seed=0)
    flips = permuted ^ items.is_vulnerable[:, None]
    assert (flips.reshape(4, 6, 50) == flips.reshape(4, 6, 50)[:, :1]).all()
    assert 0.3 < flips.mean() < 0.7


def test_unpaired_items_keep_their_labels() -> None:
    items = make_items(6)
    loose = ScoreTable(
        np.append(items.is_vulnerable, True), (*items.groups, "x"), (*items.strata, ("s", "c")), (*items.pairs, None)
    )
    assert permute_labels(loose, 20, seed=0)[-1].all()


def test_one_class_is_an_error() -> None:
    items = make_items(4)
    only = items.part(items.is_vulnerable)
    with pytest.raises(InputError, match="all 4 samples are vulnerable; a read-out needs both classes"):
        check_items(only)


def test_samples_without_twins_are_an_error() -> None:
    items = make_items(4)
    with pytest.raises(InputError, match="no sample has its twin"):
        check_items(items.part(np.array([True, False, False, True] * 2)))


def test_twins_that_are_never_ranked_together_are_an_error() -> None:
    items = make_items(4)
    apart = replace(items, strata=tuple((str(label), "c") for label in items.is_vulnerable.tolist()))
    with pytest.raises(InputError, match="no two twins of the 4 pairs have the same CWE and language"):
        check_items(apart)


def test_what_is_not_measured_leaves_no_stand_in_for_an_auroc() -> None:
    items = make_items(60)
    features, folds = [make_feature(items, 1.0, 1)], deal_folds(items.groups, 5, 3, 0)
    settings = {"n_permutations": 39, "seed": 0}
    with pytest.raises(InputError, match="needs both classes"):
        decode(
            features, {"tokens": features}, items, folds, Bootstrap(n_draws=400),
            is_measured=items.is_vulnerable, **settings,
        )  # fmt: skip
    # Half of each label, but of other pairs: no swap of labels is seen here, so there is no null.
    is_first = np.arange(len(items)) < len(items) // 2
    with pytest.raises(InputError, match="no sample has its twin"):
        decode(
            features, {"tokens": features}, items, folds, Bootstrap(n_draws=400),
            is_measured=items.is_vulnerable == is_first, **settings,
        )  # fmt: skip


def test_activations_that_are_not_finite_are_named() -> None:
    values = np.zeros((5, 3), dtype=np.float32)
    values[2, 1] = np.nan
    with pytest.raises(InputError, match="layer 3, mean: item 2 has NaN or infinite values"):
        check_features([Feature("layer 3, mean", values)])


@pytest.mark.parametrize(
    ("low", "high", "lowest", "p", "claim"),
    [
        (0.01, 0.2, 0.01, 0.01, "yes"),
        (0.01, 0.2, 0.01, 0.2, "cannot tell"),
        # Known is what beats every rule; not known is judged against the rule that other folds chose.
        (0.01, 0.2, -0.01, 0.01, "cannot tell"),
        (-0.1, 0.04, -0.3, 0.5, "no"),
        (-0.1, 0.06, -0.1, 0.5, "cannot tell"),
    ],
)
def test_claims(low: float, high: float, lowest: float, p: float, claim: str) -> None:
    assert judge_decodable(make_against(estimate(low, high), estimate(lowest, 0.3)), p) == claim


def test_without_an_interval_nothing_is_claimed() -> None:
    missing = not_measured("too few groups")
    assert judge_decodable(make_against(missing, estimate(0.1, 0.2)), 0.01) == "cannot tell"
    assert judge_decodable(make_against(estimate(0.1, 0.2), missing), 0.01) == "cannot tell"


def estimate(low: float, high: float) -> Estimate:
    return Estimate(value=(low + high) / 2, low=low, high=high, method="bca", n=10, n_groups=40)


def make_against(followed: Estimate, other: Estimate) -> Against:
    return Against(Followed(np.empty(0), ("length",)), followed, 0.1, {"length": followed, "bag of tokens": other})


def test_no_better_than_the_best_of_many_rules_is_seldom_said_where_it_is_false() -> None:
    """A probe .05 above eight rules at chance: nominal 2.5 % say "no", against the best afterwards 11 % did."""
    items, n_false = make_items(200), 0
    for generator in np.random.default_rng(0).spawn(80):
        rules = {str(k): generator.normal(size=400) for k in range(8)}
        scores = 0.178 * items.is_vulnerable + generator.normal(size=400)
        found = hold_against(scores, rules, items, Bootstrap(n_draws=200), n_folds=None, seed=0)
        n_false += judge_decodable(found, 1.0) == "no"
    assert n_false <= 5


def test_a_difference_without_an_interval_says_what_could_have_shown() -> None:
    items = make_items(14, group_size=2)
    scores = np.random.default_rng(0).normal(size=(2, len(items)))
    difference, detectable = measure_difference(scores[0], scores[1], items, Bootstrap(n_draws=100))
    assert isinstance(difference.low, NotMeasured)
    assert detectable == detectable_auroc_difference(None, 7, 7)
