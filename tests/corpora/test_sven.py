from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from vulnscope.corpora import Corpus, load_corpus
from vulnscope.corpora.check.stats import count_corpus
from vulnscope.corpora.code.diff import changed_lines
from vulnscope.corpora.splits import split_as_published
from vulnscope.corpora.tables.fixes import EQUAL_TWINS


@pytest.fixture(scope="module")
def corpus(load_fixture: Callable[..., Corpus]) -> Corpus:
    return load_fixture("sven")


@pytest.fixture(scope="module")
def real(load_real: Callable[[str], Corpus]) -> Corpus:
    return load_real("sven")


def test_a_line_becomes_a_pair(corpus: Corpus) -> None:
    pair = next(pair for pair in corpus.pairs if pair.id == "train/cwe-125/1")
    assert pair.vulnerable.language == "c"
    assert pair.vulnerable.cwes == ("CWE-125",)
    assert pair.vulnerable.split == "train"
    assert pair.vulnerable.licence == "MIT"
    assert pair.vulnerable.origin.project == "atlas/grid"
    assert pair.vulnerable.origin.commit == "c" * 40
    assert pair.vulnerable.origin.path == "train/cwe-125.jsonl:1"
    assert (pair.vulnerable.changed_lines, pair.fixed.changed_lines) == ((), (3, 4))


def test_the_data_folder_itself_is_taken_too(corpora_dir: Path, corpus: Corpus) -> None:
    inner = load_corpus("sven", corpora_dir / "sven" / "data_train_val")
    assert inner.content_digest == corpus.content_digest


def test_a_commit_in_both_splits_is_one_group_and_goes_to_train(corpus: Corpus) -> None:
    assert corpus.groups["train/cwe-089/2/fixed"] == corpus.groups["val/cwe-089/1/vulnerable"]
    parts = split_as_published(corpus)
    assert {name: len(part.pairs) for name, part in parts.items()} == {"train": 5, "val": 1}


def test_twins_that_are_equal_carry_a_note(corpus: Corpus) -> None:
    noted = {sample.id: sample for sample in corpus.samples if sample.notes}
    assert set(noted) == {"train/cwe-125/2/vulnerable", "train/cwe-125/2/fixed"}
    assert all(sample.notes == (EQUAL_TWINS,) and not sample.changed_lines for sample in noted.values())
    assert {sample.language for sample in noted.values()} == {"cpp"}


def test_real_counts(real: Corpus) -> None:
    stats = count_corpus(real)
    assert (stats.n_rows_in, stats.n_rows_out, stats.n_pairs, stats.n_samples) == (803, 803, 803, 1606)
    assert stats.splits == {"train": 2 * 720, "val": 2 * 83}
    expected = {22: 57, 78: 106, 79: 50, 89: 204, 125: 145, 190: 43, 416: 64, 476: 78, 787: 56}
    assert stats.cwes == {f"CWE-{number}": 2 * n for number, n in expected.items()}
    assert stats.languages["python"] == 2 * 380
    assert stats.languages["c"] + stats.languages["cpp"] == 2 * 423


def test_real_commits_on_both_sides_of_the_published_split(real: Corpus) -> None:
    splits: dict[str, set[str | None]] = {}
    for sample in real.samples:
        splits.setdefault(sample.origin.commit or "", set()).add(sample.split)
    assert Counter("val" in sides for sides in splits.values())[True] == 74
    assert sum(len(sides) == 2 for sides in splits.values()) == 25
    parts = split_as_published(real)
    train, val = ({real.groups[sample.id] for sample in parts[name].samples} for name in ("train", "val"))
    assert not train & val


def test_real_changed_lines_agree_with_the_diff(real: Corpus) -> None:
    """They differ only where blank or repeated lines can be matched in two ways."""
    agree = 0
    for pair in real.pairs:
        lines = changed_lines(pair.vulnerable.code, pair.fixed.code)
        agree += (pair.vulnerable.changed_lines, pair.fixed.changed_lines) == (lines.before, lines.after)
    assert agree / len(real.pairs) > 0.9


def test_real_share_of_sides_without_a_changed_line(real: Corpus) -> None:
    pairs = [pair for pair in real.pairs if pair.vulnerable.language != "python"]
    assert round(sum(not pair.vulnerable.changed_lines for pair in pairs) / len(pairs), 2) == 0.28
    assert round(sum(not pair.fixed.changed_lines for pair in pairs) / len(pairs), 2) == 0.02
