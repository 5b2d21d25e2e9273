"""Nested cross-validation of linear read-outs: layer, pooling, method and penalty are chosen inside the training part.

The choice goes by AUROC over inner folds; the chosen read-out is fitted on the whole training part and scores the
measured items one by one, never centred by pair. Label vectors are columns, so that a permutation test repeats the
whole selection for every permutation at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.stats import rankdata

from vulnscope.probe.folds import Folds
from vulnscope.probe.logistic import Basis, Fitted, find_basis, fit_logistic, fit_mean_difference, learn_scaling
from vulnscope.stats.threads import blas_threads

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from jaxtyping import Bool, Float

LOGISTIC, MEAN_DIFFERENCE = "logistic", "mean difference"
METHODS = (LOGISTIC, MEAN_DIFFERENCE)
INVERSE_PENALTIES = (1.0, 10.0, 100.0)


class Variant(NamedTuple):
    """A way to fit; `inverse_penalty` is 0 where the method has none."""

    method: str
    inverse_penalty: float = 0.0

    def __str__(self) -> str:
        return f"{self.method}, C = {self.inverse_penalty:g}" if self.inverse_penalty else self.method

    def fit(self, basis: Basis, labels: Bool[np.ndarray, "n m"]) -> Fitted:
        """One read-out per column of labels."""
        if self.method == MEAN_DIFFERENCE:
            return fit_mean_difference(basis, labels)
        return fit_logistic(basis, labels, self.inverse_penalty)


VARIANTS = (*(Variant(LOGISTIC, c) for c in INVERSE_PENALTIES), Variant(MEAN_DIFFERENCE))


@dataclass(frozen=True, eq=False)
class Feature:
    """What a read-out may read of every item: activations of one layer and pooling, or a surface count."""

    name: str
    values: Float[np.ndarray, "n d"]
    is_standardised: bool = True


class Choice(NamedTuple):
    """What an outer fold chose for the first column of labels."""

    feature: int
    variant: Variant


@dataclass(frozen=True, eq=False)
class NestedScores:
    """Scores of measured items, NaN for those in no outer fold.

    `chosen` are scores after choosing among all features, one column per label vector; `by_feature` those of the first
    column where only the penalty was chosen, per feature and method. Scores of a fold are in deviations of its inner
    held-out scores, so that folds can be ranked together.
    """

    chosen: Float[np.ndarray, "n m"]
    by_feature: Float[np.ndarray, "n_features n_methods n"]
    choices: tuple[Choice | None, ...]


def cross_validate(
    features: Sequence[Feature], labels: Bool[np.ndarray, "n m"], folds: Folds, *, is_joint: bool = False
) -> NestedScores:
    """Out-of-fold scores of every column of `labels`.

    Each column chooses for itself, or all together by their mean AUROC where `is_joint` (classes of one target).
    """
    n, m = labels.shape
    chosen = np.full((n, m), np.nan)
    by_feature = np.full((len(features), len(METHODS), n), np.nan)
    choices: list[Choice | None] = []
    for fold in range(folds.n_outer):
        training, measured = folds.inner[fold] >= 0, folds.outer == fold
        if not training.any():
            choices.append(None)
            continue
        trials = [_try_feature(feature, labels, folds.inner[fold]) for feature in features]
        quality = np.stack([trial.quality for trial in trials])  # features × variants × columns
        guide = np.broadcast_to(quality.mean(-1, keepdims=True), quality.shape) if is_joint else quality
        best = guide.reshape(-1, m).argmax(0)
        for number, feature in enumerate(features):
            found = _fit_and_score(feature, labels, training, measured)
            scaled = (found - trials[number].centre) / trials[number].spread
            for place, method in enumerate(METHODS):
                by_feature[number, place, measured] = scaled[:, _best_of(method, quality[number, :, 0]), 0]
            mine = np.flatnonzero(best // len(VARIANTS) == number)
            chosen[np.ix_(measured, mine)] = scaled[:, best[mine] % len(VARIANTS), mine]
        choices.append(Choice(int(best[0]) // len(VARIANTS), VARIANTS[int(best[0]) % len(VARIANTS)]))
    return NestedScores(chosen, by_feature, tuple(choices))


def score_parts(
    feature: Feature,
    variant: Variant,
    labels: Bool[np.ndarray, " n"],
    training: Bool[np.ndarray, " n"],
    measured: Bool[np.ndarray, " n"],
) -> Float[np.ndarray, " k"]:
    """Scores of the measured items under one read-out fitted on the training items; nothing is chosen."""
    with _threads(feature, training):
        basis = _scale(feature, training, measured)
        scores: Float[np.ndarray, " k"] = variant.fit(basis, labels[training][:, None]).score(basis.test)[:, 0]
    return scores


def column_auroc(scores: Float[np.ndarray, "n v m"], labels: Bool[np.ndarray, "n m"]) -> Float[np.ndarray, "v m"]:
    """AUROC of each column of scores, ties 1/2; 1/2 where a column has but one label."""
    ranks = rankdata(scores, axis=0)
    positives = labels[:, None, :]
    n_yes = labels.sum(0).astype(float)
    n_no = len(labels) - n_yes
    wins = (ranks * positives).sum(0) - n_yes * (n_yes + 1) / 2
    areas: Float[np.ndarray, "v m"] = np.full_like(wins, 0.5)
    np.divide(wins, n_yes * n_no, out=areas, where=(n_yes * n_no) > 0)
    return areas


class _Trial(NamedTuple):
    """Inner AUROC, and centre and spread of the inner held-out scores, per variant and column."""

    quality: Float[np.ndarray, "v m"]
    centre: Float[np.ndarray, "v m"]
    spread: Float[np.ndarray, "v m"]


def _try_feature(feature: Feature, labels: Bool[np.ndarray, "n m"], inner: np.ndarray) -> _Trial:
    qualities, held_out = [], []
    for fold in range(int(inner.max()) + 1):
        measured = inner == fold
        scores = _fit_and_score(feature, labels, (inner >= 0) & ~measured, measured)
        qualities.append(column_auroc(scores, labels[measured]))
        held_out.append(scores)
    together = np.concatenate(held_out)
    spread = together.std(0)
    return _Trial(np.mean(qualities, axis=0), together.mean(0), np.where(spread > 0, spread, 1.0))


def _fit_and_score(
    feature: Feature,
    labels: Bool[np.ndarray, "n m"],
    training: Bool[np.ndarray, " n"],
    measured: Bool[np.ndarray, " n"],
) -> Float[np.ndarray, "k v m"]:
    with _threads(feature, training):
        basis = _scale(feature, training, measured)
        return np.stack([variant.fit(basis, labels[training]).score(basis.test) for variant in VARIANTS], axis=1)


def _scale(feature: Feature, training: Bool[np.ndarray, " n"], measured: Bool[np.ndarray, " n"]) -> Basis:
    scaling = learn_scaling(feature.values[training], is_standardised=feature.is_standardised)
    return find_basis(scaling.apply(feature.values[training]), scaling.apply(feature.values[measured]))


def _threads(feature: Feature, training: Bool[np.ndarray, " n"]) -> AbstractContextManager[object]:
    return blas_threads(min(int(training.sum()), feature.values.shape[1]))


def _best_of(method: str, quality: Float[np.ndarray, " v"]) -> int:
    """The variant of `method` with the highest inner AUROC."""
    own = [place for place, variant in enumerate(VARIANTS) if variant.method == method]
    return max(own, key=lambda place: float(quality[place]))
