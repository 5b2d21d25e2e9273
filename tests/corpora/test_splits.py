from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vulnscope.corpora import Corpus, Sample
from vulnscope.corpora.splits import split_as_published, split_groups
from vulnscope.errors import InputError

MakeCorpus = Callable[[list[Sample]], Corpus]


@pytest.fixture
def corpus(make_sample: Callable[..., Sample], make_corpus: MakeCorpus) -> Corpus:
    return make_corpus(
        [make_sample(f"{group}-{n}", group_keys=(f"cve:{group}",)) for group in range(50) for n in range(2)]
    )


def test_fractions_hold_and_groups_stay_whole(corpus: Corpus) -> None:
    parts = split_groups(corpus, {"fit": 0.5, "choose": 0.2, "report": 0.3}, seed=1)
    assert {name: len(part.samples) for name, part in parts.items()} == {"fit": 50, "choose": 20, "report": 30}
    groups = [{corpus.groups[sample.id] for sample in part.samples} for part in parts.values()]
    assert sum(len(group) for group in groups) == len(set().union(*groups)) == 50


def test_a_split_repeats_by_seed_whatever_the_order(corpus: Corpus) -> None:
    def names(corpus: Corpus, seed: int) -> dict[str, set[str]]:
        parts = split_groups(corpus, {"fit": 0.5, "report": 0.5}, seed)
        return {name: {sample.id for sample in part.samples} for name, part in parts.items()}

    assert names(corpus, 3) == names(corpus.keep(corpus.samples[::-1]), 3)
    assert names(corpus, 3) != names(corpus, 4)


@given(sizes=st.lists(st.integers(1, 6), min_size=6, max_size=20), seed=st.integers(0, 1000))
def test_no_group_on_two_sides(sizes: list[int], seed: int) -> None:
    samples = tuple(
        Sample(
            id=f"{group}-{n}",
            corpus="t",
            language="c",
            label="fixed",
            code=f"code {group} {n}",
            group_keys=(f"g:{group}",),
        )
        for group, size in enumerate(sizes)
        for n in range(size)
    )
    corpus = Corpus(name="t", version="1", samples=samples, n_rows_in=1, n_rows_out=1)
    try:
        parts = split_groups(corpus, {"a": 0.4, "b": 0.6}, seed)
    except InputError:  # one group may outweigh all others
        assert max(sizes) / sum(sizes) > 0.2
        return
    sides = [{corpus.groups[sample.id] for sample in part.samples} for part in parts.values()]
    assert not sides[0] & sides[1]
    assert sum(len(part.samples) for part in parts.values()) == len(samples)


@pytest.mark.parametrize("fractions", [{}, {"a": 0.5}, {"a": 1.5, "b": -0.5}, {"a": 1.0, "b": 0.0}])
def test_fractions_that_do_not_sum_to_one(fractions: dict[str, float], corpus: Corpus) -> None:
    with pytest.raises(InputError, match="fractions must be positive and sum to 1"):
        split_groups(corpus, fractions, 0)


def test_too_few_groups(make_sample: Callable[..., Sample], make_corpus: MakeCorpus) -> None:
    corpus = make_corpus([make_sample(str(n), group_keys=("cve:1",)) for n in range(8)])
    with pytest.raises(InputError, match=r"too few groups \(1\) for a split into fit, report: .* stays empty"):
        split_groups(corpus, {"fit": 0.5, "report": 0.5}, 0)


def test_published_splits_are_mended(make_sample: Callable[..., Sample], make_corpus: MakeCorpus) -> None:
    corpus = make_corpus(
        [
            make_sample("a", split="train", group_keys=("commit:1",)),
            make_sample("b", split="val", group_keys=("commit:1",)),
            make_sample("c", split="val", group_keys=("commit:2",)),
            make_sample("d", split="test", group_keys=("commit:3",)),
            make_sample("e", split="val", group_keys=("commit:3",)),
            make_sample("f"),
            make_sample("g", group_keys=("commit:2",)),
        ]
    )
    parts = split_as_published(corpus)
    ids = {name: [sample.id for sample in part.samples] for name, part in parts.items()}
    assert ids == {"train": ["a", "b"], "val": ["c", "g"], "test": ["d", "e"]}


def test_no_published_split(corpus: Corpus) -> None:
    with pytest.raises(InputError, match="comes without a split; use split_groups"):
        split_as_published(corpus)
