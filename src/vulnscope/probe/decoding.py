"""Is the label decodable? Probe, surface rules and what the model says, all on the same outer folds.

Pure: activations and labels in, scores and claims out; the simulations of false claims run exactly this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vulnscope.ask.checks import check_items
from vulnscope.ask.figures.paired_scores import ScoreTable
from vulnscope.errors import InputError
from vulnscope.probe.against import Against, hold_against
from vulnscope.probe.claims import judge_decodable
from vulnscope.probe.nested import Choice, Feature, NestedScores, cross_validate
from vulnscope.records.base import NotMeasured
from vulnscope.records.probe import Null
from vulnscope.stats import Bootstrap, Groups, stratified_auroc

if TYPE_CHECKING:
    from vulnscope.probe.folds import Folds
    from vulnscope.records.probe import Claim
    from vulnscope.stats import Floats


class Rule(NamedTuple):
    """Held-out scores of one rule, and what each outer fold chose."""

    scores: Floats
    choices: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Decoded:
    """Held-out scores of the probe and of every baseline, the null of the probe, and the claim."""

    probe: NestedScores
    baselines: Mapping[str, Rule]
    against: Against
    null: Null
    claim: Claim

    @property
    def scores(self) -> Floats:
        """The probe's held-out scores."""
        found: Floats = self.probe.chosen[:, 0]
        return found


def decode(
    features: Sequence[Feature],
    baselines: Mapping[str, Sequence[Feature]],
    items: ScoreTable,
    folds: Folds,
    bootstrap: Bootstrap,
    *,
    n_permutations: int,
    seed: int,
    is_measured: np.ndarray | None = None,
) -> Decoded:
    """Whether a probe on `features` beats every one of `baselines` out of group (MEASURES, "Decodable").

    Figures are taken over `is_measured` items (all by default). Raises `InputError` for one label only and for
    features that are not finite.
    """
    kept = np.ones(len(items), dtype=bool) if is_measured is None else is_measured
    check_items(items)
    check_items(items.part(kept))
    check_features([*features, *(feature for own in baselines.values() for feature in own)])
    labels = np.concatenate([items.is_vulnerable[:, None], permute_labels(items, n_permutations, seed)], axis=1)
    probe = cross_validate(features, labels, folds)
    rules = {name: read_rule(own, items, folds) for name, own in baselines.items()}
    measured = items.part(kept)
    own = {name: rule.scores[kept] for name, rule in rules.items()}
    against = hold_against(probe.chosen[kept, 0], own, measured, bootstrap, n_folds=folds.n_outer, seed=seed)
    null = _measure_null(probe.chosen[kept], labels[kept], measured)
    return Decoded(probe, rules, against, null, judge_decodable(against, null.p))


def read_rule(features: Sequence[Feature], items: ScoreTable, folds: Folds) -> Rule:
    """Held-out scores of one baseline, with the same choice of method and penalty as a probe."""
    found = cross_validate(features, items.is_vulnerable[:, None], folds)
    return Rule(found.chosen[:, 0], name_choices(features, found.choices))


def name_choices(features: Sequence[Feature], choices: Sequence[Choice | None]) -> tuple[str, ...]:
    """What each fold chose, in words; folds without training items are left out."""
    return tuple(f"{features[choice.feature].name}, {choice.variant}" for choice in choices if choice is not None)


def permute_labels(items: ScoreTable, n: int, seed: int) -> np.ndarray:
    """`n` columns of labels with twins swapped, all pairs of a group together; unpaired items keep theirs.

    Swapping by group keeps what near-duplicates share, so that the test holds where groups have several pairs.
    """
    groups = Groups.from_labels(items.groups)
    is_paired = np.zeros(len(items), dtype=bool)
    is_paired[items.twins().ravel()] = True
    flips = np.random.default_rng(seed).integers(0, 2, size=(groups.n_groups, n)).astype(bool)[groups.index]
    return np.asarray(items.is_vulnerable[:, None] ^ (flips & is_paired[:, None]))


def check_features(features: Sequence[Feature]) -> None:
    """Raise `InputError` naming a feature that holds NaN or infinity."""
    for feature in features:
        wrong = np.flatnonzero(~np.isfinite(feature.values).all(1))
        if len(wrong):
            raise InputError(
                f"{feature.name}: item {int(wrong[0])} has NaN or infinite values ({len(wrong)} of "
                f"{len(feature.values)} items); open the model with --dtype float32"
            )


def _measure_null(scores: np.ndarray, labels: np.ndarray, items: ScoreTable) -> Null:
    """Column 0 is the observed one; the others repeat the whole selection on swapped labels.

    All have an AUROC or none: every item is scored, and a pair holds both labels however it is swapped.
    """
    assert np.isfinite(scores).all(), "every measured item is in an outer fold"
    groups = items.all_groups()
    areas = [stratified_auroc(scores[:, c], labels[:, c], groups, items.strata) for c in range(labels.shape[1])]
    missing = next((area for area in areas if isinstance(area, NotMeasured)), None)
    if missing is not None:
        return Null(n_permutations=len(areas) - 1, p=missing, mean_auroc=missing, highest_auroc=missing)
    observed, *permuted = map(float, areas)
    as_high = sum(value >= observed - 1e-12 for value in permuted)
    return Null(
        n_permutations=len(permuted),
        p=(1 + as_high) / (1 + len(permuted)),
        mean_auroc=float(np.mean(permuted)),
        highest_auroc=max(permuted),
    )
