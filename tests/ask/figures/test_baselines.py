from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.ask.builders import make_corpus, make_pairs, make_sample

from vulnscope.ask.figures.baselines import ALWAYS_YES, LENGTH, NGRAMS, BaselineScores, plan_training, score_baselines
from vulnscope.corpora import Corpus, Sample, load_corpus
from vulnscope.stats import pair_ranks


def by_name(found: tuple[BaselineScores, ...]) -> dict[str, BaselineScores]:
    return {baseline.name: baseline for baseline in found}


def test_n_grams_find_the_word_that_tells_twins_apart_and_length_reads_the_shorter() -> None:
    samples = make_pairs(30)
    found = by_name(score_baselines(samples, make_corpus(samples)))
    assert list(found) == [ALWAYS_YES, LENGTH, NGRAMS]
    is_vulnerable = np.array([sample.label == "vulnerable" for sample in samples])
    for name in (LENGTH, NGRAMS):
        scores = found[name].scores
        assert scores is not None
        assert (scores[is_vulnerable] > scores[~is_vulnerable]).all()
    assert (found[NGRAMS].is_positive == is_vulnerable).all()
    assert found[ALWAYS_YES].trained_on is None
    assert found[ALWAYS_YES].is_positive is not None
    assert found[ALWAYS_YES].is_positive.all()
    assert found[NGRAMS].trained_on == "made itself, 5 folds over groups"


def test_a_label_that_only_the_group_knows_cannot_be_learned() -> None:
    """Each group has a name of its own; were a group in its own training, the name would give the label away."""
    samples = [
        make_sample(
            number,
            label,
            id=f"{number}-{copy}",
            pair_id=None,
            group_keys=(f"commit:{number}",),
            code=f"int {'abcdefghijklmnopqrstuvwxyz'[number % 26] * 9}{number}();",
        )
        for number in range(40)
        for label in [("vulnerable", "fixed")[number % 2]]
        for copy in range(3)
    ]
    found = by_name(score_baselines(samples, make_corpus(samples)))[NGRAMS]
    assert found.is_positive is not None
    is_right = found.is_positive == np.array([sample.label == "vulnerable" for sample in samples])
    assert 0.2 < is_right.mean() < 0.8


def test_no_item_is_scored_by_its_own_group() -> None:
    samples = [*make_pairs(12), *make_pairs(8, id="x", pair_id=None)][:24]
    corpus = make_corpus(samples)
    training = plan_training(samples, corpus, None, seed=3)
    for trains, scored in training.rounds():
        known = {corpus.groups[s.id] for s, is_in in zip(training.samples, trains, strict=True) if is_in}
        asked = {corpus.groups[s.id] for s, is_in in zip(samples, scored, strict=True) if is_in}
        assert not known & asked
    assert sum(scored.sum() for _, scored in training.rounds()) == 24


def test_the_training_split_trains_without_groups_of_the_items() -> None:
    train = make_pairs(20, split="train")
    shared = make_sample(90, "fixed", split="train", pair_id=None, group_keys=("commit:c",))
    held_out = [make_sample(90 + n, "vulnerable", split="val", pair_id=None, group_keys=("commit:c",)) for n in (0, 1)]
    corpus = make_corpus([*train, shared, *held_out])
    training = plan_training(held_out, corpus, None, seed=0)
    ((trains, scored),) = training.rounds()
    assert {s.id for s, is_in in zip(training.samples, trains, strict=True) if is_in} == {s.id for s in train}
    assert scored.all()
    assert training.description == "made train split"
    both = plan_training([*train, *held_out], corpus, None, seed=0)
    assert both.description == "made train split (its own samples: 5 folds over groups)"


def test_another_corpus_trains_but_for_copies_of_the_items() -> None:
    items = make_pairs(3)
    other = make_corpus(make_pairs(20), name="other")
    found = by_name(score_baselines(items, make_corpus(items), other))[NGRAMS]
    assert found.trained_on == "other"
    assert found.is_positive is not None
    assert found.is_positive.tolist() == [True, False] * 3
    assert len(plan_training(items, make_corpus(items), other, 0).samples) == 34


@pytest.mark.parametrize(
    "samples", [make_pairs(2), [make_sample(n, "fixed", pair_id=None, id=str(n)) for n in range(30)]]
)
def test_too_few_samples_train_nothing(samples: list[Sample]) -> None:
    found = by_name(score_baselines(samples, make_corpus(samples)))
    assert found[NGRAMS].scores is None
    assert found[LENGTH].scores is None
    assert "too few samples to train on" in found[NGRAMS].reason
    assert found[ALWAYS_YES].scores is not None


def test_baselines_depend_on_the_seed_only() -> None:
    samples = make_pairs(12)
    corpus: Corpus = make_corpus(samples)
    one, again = (by_name(score_baselines(samples, corpus, seed=1))[NGRAMS].scores for _ in range(2))
    assert one is not None
    assert one.tolist() == again.tolist()  # type: ignore[union-attr]


@pytest.mark.slow
def test_published_figures_of_surface_rules_on_sven(real_corpus_dir: Callable[[str], Path]) -> None:
    """Known beforehand: the shorter twin is the vulnerable one in 73 % of pairs, n-grams rank 81 %."""
    corpus = load_corpus("sven", real_corpus_dir("sven"))
    found = by_name(score_baselines(corpus.samples, corpus))
    place = {sample.id: number for number, sample in enumerate(corpus.samples)}
    for name, expected, tolerance in ((LENGTH, 0.73, 0.005), (NGRAMS, 0.81, 0.03)):
        scores = found[name].scores
        assert scores is not None
        vulnerable = [scores[place[pair.vulnerable.id]] for pair in corpus.pairs]
        fixed = [scores[place[pair.fixed.id]] for pair in corpus.pairs]
        assert pair_ranks(vulnerable, fixed).mean() == pytest.approx(expected, abs=tolerance)
