from __future__ import annotations

from collections.abc import Callable

import pytest

from vulnscope.corpora import Corpus, Sample, select
from vulnscope.errors import InputError


@pytest.fixture
def corpus(make_sample: Callable[..., Sample], make_corpus: Callable[[list[Sample]], Corpus]) -> Corpus:
    samples = [
        make_sample(
            f"{number}-{label}",
            label=label,
            pair_id=str(number),
            cwes=("CWE-89",) if number % 2 else ("CWE-79", "CWE-787"),
            language="python" if number < 6 else "c",
            group_keys=(f"cve:{number // 3}",),
            part="odd" if number % 2 else None,
        )
        for number in range(12)
        for label in ("vulnerable", "fixed")
    ]
    return make_corpus([*samples, make_sample("lone", language="c", cwes=("CWE-89",))])


def test_without_filters_everything_stays(corpus: Corpus) -> None:
    assert select(corpus) == corpus


def test_filters_are_joined_by_and_their_values_by_or(corpus: Corpus) -> None:
    kept = select(corpus, cwes=["cwe_787", "CWE-79"], languages=["C"])
    assert {sample.pair_id for sample in kept.samples} == {"6", "8", "10"}
    assert len(select(corpus, cwes=["89"]).samples) == 13


def test_a_limit_keeps_pairs_whole_and_takes_groups_in_turn(corpus: Corpus) -> None:
    kept = select(corpus, limit=9)
    assert len(kept.samples) == 9
    assert len(kept.pairs) == 4
    assert len(set(kept.groups.values())) == 5
    assert [sample.id for sample in kept.samples] == [sample.id for sample in corpus.samples if sample in kept.samples]


def test_a_limit_repeats_by_seed_and_a_larger_one_only_adds(corpus: Corpus) -> None:
    drawn = [{sample.id for sample in select(corpus, limit=limit, seed=4).samples} for limit in (4, 10, 25)]
    assert drawn[0] <= drawn[1] <= drawn[2]
    assert select(corpus, limit=6, seed=1) == select(corpus, limit=6, seed=1)
    assert len({select(corpus, limit=4, seed=seed).content_digest for seed in range(8)}) > 1


def test_a_selection_keeps_the_groups_of_the_whole(corpus: Corpus) -> None:
    kept = select(corpus, limit=5)
    assert all(kept.groups[sample.id] == corpus.groups[sample.id] for sample in kept.samples)


def test_nothing_left_names_what_there_is(corpus: Corpus) -> None:
    with pytest.raises(InputError, match=r"nothing for CWE-22 or CWE-78; its CWEs: CWE-79, CWE-89, CWE-787$"):
        select(corpus, cwes=["CWE-78", "22"])
    with pytest.raises(
        InputError, match=r"nothing for language go and part tests; its languages: c, python; its parts: "
    ):
        select(corpus, languages=["Go"], parts=["tests"])
    with pytest.raises(
        InputError, match=r"for CWE-79 and part odd, each of which it has, but not together; its CWEs: "
    ):
        select(corpus, cwes=["79"], parts=["odd"])
    with pytest.raises(InputError, match=r"has no part 'tests'; its parts: .*odd"):
        select(corpus, parts=["odd", "tests"])
    with pytest.raises(InputError, match=r"corpus 'test' holds nothing$"):
        select(corpus.keep([]))
    with pytest.raises(InputError, match="not a CWE identifier"):
        select(corpus, cwes=["banana"])


def test_a_limit_below_a_pair(corpus: Corpus) -> None:
    pairs = corpus.keep(sample for sample in corpus.samples if sample.pair_id)
    with pytest.raises(InputError, match="a limit of 1 leaves nothing of corpus 'test', since pairs stay whole"):
        select(pairs, limit=1)
