"""A probe against every surface rule, and against the one that did best on other folds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from vulnscope.ask.figures.following import Followed, follow_best
from vulnscope.ask.figures.paired_scores import ScoreTable, measure_difference

if TYPE_CHECKING:
    from vulnscope.records.base import Estimate, Number
    from vulnscope.stats import Bootstrap, Floats


class Against(NamedTuple):
    """The probe minus the rule followed, what could have been shown, and the probe minus each rule."""

    followed: Followed
    difference: Estimate
    detectable: Number
    each: Mapping[str, Estimate]


def hold_against(
    scores: Floats,
    rules: Mapping[str, Floats],
    items: ScoreTable,
    bootstrap: Bootstrap,
    *,
    n_folds: int | None,
    seed: int,
) -> Against:
    """How far `scores` rank better than `rules` on the same items; the rule followed is chosen on folds by `seed`."""
    followed = follow_best(rules, items, seed=seed)
    difference, detectable = measure_difference(scores, followed.scores, items, bootstrap, n_folds)
    each = {name: measure_difference(scores, own, items, bootstrap, n_folds)[0] for name, own in rules.items()}
    return Against(followed, difference, detectable, each)
