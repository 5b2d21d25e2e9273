"""Rules that read no model, on the same items: always yes, the shorter is vulnerable, character n-grams.

Nothing is scored by what it was trained on. With another corpus named, that corpus trains. Otherwise the training
split of the corpus itself does, and where it has none the whole corpus: items that belong to it are scored by folds
over groups, so that no item's group is in its own training.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from vulnscope.ask.figures.ngrams import SIZES, count_ngrams
from vulnscope.corpora.splits import hash_group
from vulnscope.stats import Floats

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from vulnscope.corpora import Corpus, Sample

ALWAYS_YES = "always-yes"
LENGTH = "length (shorter is vulnerable)"
NGRAMS = f"character {SIZES[0]}-{SIZES[-1]}-grams"

_N_FOLDS = 5
_MIN_PER_SIDE = 5
_MAX_TRAINING = 20_000
_UNTRAINED = 0
_INVERSE_PENALTY = 10.0


@dataclass(frozen=True)
class BaselineScores:
    """A rule's score per asked item, higher for vulnerable, and whether it calls the item vulnerable.

    Both are None where the rule could not be trained, for the `reason`.
    """

    name: str
    trained_on: str | None
    scores: Floats | None
    is_positive: np.ndarray | None
    reason: str = ""


@dataclass(frozen=True)
class Training:
    """Which samples train the rule for which items: an item in fold f is scored by all samples outside fold f."""

    samples: tuple[Sample, ...]
    folds: np.ndarray
    item_folds: np.ndarray
    description: str

    def rounds(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Per fold with items: which samples train, and which items they score."""
        return [(self.folds != fold, self.item_folds == fold) for fold in np.unique(self.item_folds)]

    def is_vulnerable(self) -> np.ndarray:
        """Per training sample, whether its label says so."""
        return np.array([sample.label == "vulnerable" for sample in self.samples], dtype=bool)

    def find_reason_not_to(self) -> str | None:
        """Why no rule can be trained, None where one can."""
        is_vulnerable = self.is_vulnerable()
        for trains, _ in self.rounds():
            fewest = min(int(is_vulnerable[trains].sum()), int((~is_vulnerable[trains]).sum()))
            if fewest < _MIN_PER_SIDE:
                return f"too few samples to train on: {fewest} of one label, {_MIN_PER_SIDE} needed"
        return None


def score_baselines(
    items: Sequence[Sample], corpus: Corpus, other: Corpus | None = None, *, seed: int = 0
) -> tuple[BaselineScores, ...]:
    """Scores of all rules on `items`, samples of `corpus` with their code as the model saw it.

    `other` trains in place of `corpus`. `seed` deals groups into folds.
    """
    training = plan_training(items, corpus, other, seed)
    always = BaselineScores(ALWAYS_YES, None, np.zeros(len(items)), np.ones(len(items), dtype=bool))
    if (reason := training.find_reason_not_to()) is not None:
        untrained = [BaselineScores(name, training.description, None, None, reason) for name in (LENGTH, NGRAMS)]
        return (always, *untrained)
    length, ngrams = score_length(items, training), score_counts(NGRAMS, count_ngrams, items, training)
    return (always, length, ngrams)


def plan_training(items: Sequence[Sample], corpus: Corpus, other: Corpus | None, seed: int) -> Training:
    """Who trains for whom."""
    if other is not None:
        shown = {sample.sha256 for sample in items}
        pool = [sample for sample in _labelled(other.samples, seed) if sample.sha256 not in shown]
        return Training(tuple(pool), np.full(len(pool), -1), np.zeros(len(items), dtype=np.int64), other.name)
    published = [sample for sample in corpus.samples if sample.split == "train"]
    pool = _labelled(published or corpus.samples, seed)
    pool_ids = {sample.id for sample in pool}
    groups = corpus.groups
    order = sorted({groups[sample.id] for sample in pool}, key=lambda group: hash_group(group, seed))
    n_folds = min(_N_FOLDS, len(order))
    folds = {group: 1 + place % n_folds for place, group in enumerate(order)} if n_folds > 1 else {}
    # Groups of items from outside the pool train for none of these items.
    folds.update({groups[item.id]: _UNTRAINED for item in items if item.id not in pool_ids})
    item_folds = np.array([folds.get(groups[item.id], _UNTRAINED) for item in items], dtype=np.int64)
    return Training(
        samples=tuple(pool),
        folds=np.array([folds.get(groups[sample.id], _UNTRAINED) for sample in pool], dtype=np.int64),
        item_folds=item_folds,
        description=_describe(corpus, bool(published), bool((item_folds != _UNTRAINED).any()), n_folds),
    )


def _describe(corpus: Corpus, is_published: bool, has_folds: bool, n_folds: int) -> str:
    folds = f"{n_folds} folds over groups"
    if not is_published:
        return f"{corpus.name} itself, {folds}"
    return f"{corpus.name} train split" + (f" (its own samples: {folds})" if has_folds else "")


def _labelled(samples: Sequence[Sample], seed: int) -> list[Sample]:
    """Samples with a label, a draw of them where there are more than training can take."""
    labelled = [sample for sample in samples if sample.label != "unlabelled"]
    if len(labelled) <= _MAX_TRAINING:
        return labelled
    return sorted(labelled, key=lambda sample: hash_group(sample.pair_id or sample.id, seed))[:_MAX_TRAINING]


def score_length(items: Sequence[Sample], training: Training) -> BaselineScores:
    """Fewer characters score higher, a direction fixed beforehand; the cut is the training samples' median."""
    lengths = np.array([len(sample.code) for sample in items], dtype=np.float64)
    trained = np.array([len(sample.code) for sample in training.samples], dtype=np.float64)
    is_positive = np.zeros(len(items), dtype=bool)
    for trains, scored in training.rounds():
        is_positive[scored] = lengths[scored] < median(trained[trains].tolist())
    return BaselineScores(LENGTH, training.description, -lengths, is_positive)


def score_counts(
    name: str, count: Callable[[Sequence[str]], csr_matrix], items: Sequence[Sample], training: Training
) -> BaselineScores:
    """Log-odds of a logistic regression over TF-IDF with logarithmic counts, as `count` takes them from texts."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.linear_model import LogisticRegression

    rows: dict[str, int] = {}
    trained_rows, item_rows = (
        np.array([rows.setdefault(sample.code, len(rows)) for sample in samples])
        for samples in (training.samples, items)
    )
    counts, is_vulnerable = count(tuple(rows)), training.is_vulnerable()
    scores = np.zeros(len(items))
    for trains, scored in training.rounds():
        weighting = TfidfTransformer(sublinear_tf=True)
        known = weighting.fit_transform(counts[trained_rows[trains]])
        # Far fewer samples than features: the dual problem is the small one.
        model = LogisticRegression(
            C=_INVERSE_PENALTY, solver="liblinear", dual=True, tol=1e-3, max_iter=1000, random_state=0
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(known, is_vulnerable[trains])
        scores[scored] = model.decision_function(weighting.transform(counts[item_rows[scored]]))
    return BaselineScores(name, training.description, scores, scores > 0)
