"""What holds for every registered corpus, on its committed fixture and on the real data where a machine has it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from vulnscope.corpora import Corpus, Sample
from vulnscope.corpora.splits import split_groups
from vulnscope.errors import InputError
from vulnscope.registry import list_names

REAL = ("cwe-catalog", "juliet", "safecoder", "secllmholmes", "securityeval", "sven", "vulbench")


@pytest.fixture(scope="module", params=[*list_names("corpus"), *(f"real {name}" for name in REAL)])
def corpus(request: pytest.FixtureRequest, load_fixture: Callable[..., Corpus]) -> Corpus:
    name: str = request.param
    if not name.startswith("real "):
        return load_fixture(name)
    load_real: Callable[[str], Corpus] = request.getfixturevalue("load_real")
    return load_real(name.removeprefix("real "))


@pytest.mark.parametrize("name", list_names("corpus"))
def test_loading_twice_gives_the_same(name: str, load_fixture: Callable[..., Corpus]) -> None:
    one, other = load_fixture(name), load_fixture(name)
    assert one == other
    assert one.content_digest == other.content_digest
    assert one.groups == other.groups


def test_ids_are_unique(corpus: Corpus) -> None:
    assert len({sample.id for sample in corpus.samples}) == len(corpus.samples) > 0


def test_every_row_is_accounted_for(corpus: Corpus) -> None:
    assert corpus.n_rows_in == corpus.n_rows_out + len(corpus.bad_rows)


def test_samples_follow_the_schema(corpus: Corpus) -> None:
    for sample in corpus.samples:
        assert Sample.model_validate(sample.model_dump()) == sample
        assert sample.corpus == corpus.name
        assert sample.code.strip()
        assert all(re.fullmatch(r"CWE-[1-9]\d*", cwe) for cwe in sample.cwes)
        assert sample.licence
        assert sample.origin.path


def test_pairs_are_complete_and_adjacent_twins_share_their_facts(corpus: Corpus) -> None:
    paired = [sample for sample in corpus.samples if sample.pair_id is not None]
    assert len(paired) == 2 * len(corpus.pairs)
    for pair in corpus.pairs:
        assert (pair.vulnerable.label, pair.fixed.label) == ("vulnerable", "fixed")
        assert pair.vulnerable.language == pair.fixed.language
        assert pair.vulnerable.cwes == pair.fixed.cwes
        assert pair.vulnerable.split == pair.fixed.split


def test_changed_lines_are_lines_of_the_code(corpus: Corpus) -> None:
    for sample in corpus.samples:
        n_lines = sample.code.count("\n") + 1
        assert list(sample.changed_lines) == sorted(set(sample.changed_lines))
        assert all(1 <= line <= n_lines for line in sample.changed_lines)


def test_twins_that_differ_have_changed_lines(corpus: Corpus) -> None:
    for pair in corpus.pairs:
        is_changed = bool(pair.vulnerable.changed_lines or pair.fixed.changed_lines)
        assert is_changed == (pair.vulnerable.code != pair.fixed.code), pair.id


def test_no_group_is_split(corpus: Corpus) -> None:
    for seed in range(3):
        try:
            parts = split_groups(corpus, {"fit": 0.5, "report": 0.5}, seed)
        except InputError:
            assert len(set(corpus.groups.values())) < 4
            continue
        sides = [{corpus.groups[sample.id] for sample in part.samples} for part in parts.values()]
        assert not sides[0] & sides[1]
        assert sum(len(part.samples) for part in parts.values()) == len(corpus.samples)
        pairs = [{sample.pair_id for sample in part.samples} - {None} for part in parts.values()]
        assert not pairs[0] & pairs[1]


def test_a_selection_keeps_its_groups(corpus: Corpus) -> None:
    some = corpus.keep(corpus.samples[::3])
    assert some.groups == {sample.id: corpus.groups[sample.id] for sample in some.samples}


def test_survives_json(corpus: Corpus) -> None:
    few = corpus.keep(corpus.samples[:6])
    assert Corpus.model_validate_json(few.model_dump_json()) == few
