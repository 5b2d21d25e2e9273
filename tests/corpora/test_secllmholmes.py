from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vulnscope.corpora import Corpus, load_corpus
from vulnscope.corpora.check.stats import count_corpus

TRAP = b"this_pickle_must_never_be_opened"


@pytest.fixture(scope="module")
def corpus(load_fixture: Callable[..., Corpus]) -> Corpus:
    return load_fixture("secllmholmes")


@pytest.fixture(scope="module")
def real(load_real: Callable[[str], Corpus]) -> Corpus:
    return load_real("secllmholmes")


class _Watch:
    """Names of files opened while it looks; audit hooks cannot be taken off, so there is one for the process."""

    opened: list[str] | None = None
    is_hooked = False

    @classmethod
    @contextmanager
    def look(cls) -> Iterator[list[str]]:
        if not cls.is_hooked:
            sys.addaudithook(cls._hear)
            cls.is_hooked = True
        cls.opened = []
        try:
            yield cls.opened
        finally:
            cls.opened = None

    @classmethod
    def _hear(cls, event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and cls.opened is not None:
            cls.opened.append(str(arguments[0]))


def test_pickles_are_walked_past_and_never_opened(corpora_dir: Path) -> None:
    root = corpora_dir / "secllmholmes"
    traps = {str(path) for path in root.rglob("*") if path.is_file() and TRAP in path.read_bytes()}
    assert len(traps) >= 6
    with _Watch.look() as opened:
        load_corpus("secllmholmes", root)
    assert any(name.endswith("CWE-787/1.c") for name in opened)
    assert not traps & set(opened)
    read = {Path(name).suffix for name in opened if name.startswith(str(root))}
    assert read == {".c", ".py", ".txt", ".json"}


def test_checkout_and_its_datasets_folder_are_the_same(corpora_dir: Path, corpus: Corpus) -> None:
    inner = load_corpus("secllmholmes", corpora_dir / "secllmholmes" / "datasets")
    assert inner.content_digest == corpus.content_digest


def test_a_hand_crafted_pair(corpus: Corpus) -> None:
    pair = next(pair for pair in corpus.pairs if pair.id == "hand-crafted/CWE-787/2")
    assert pair.vulnerable.id == "hand-crafted/CWE-787/2"
    assert pair.fixed.id == "hand-crafted/CWE-787/p_2"
    assert pair.fixed.reason == "The copy is bounded; the text is terminated."
    assert pair.vulnerable.difficulty == "medium"
    assert pair.vulnerable.language == "c"
    assert pair.vulnerable.cwes == ("CWE-787",)
    assert pair.vulnerable.part == "hand-crafted"
    assert pair.vulnerable.licence == "GPL-3.0"
    assert (pair.vulnerable.changed_lines, pair.fixed.changed_lines) == ((10,), (10, 11))


def test_augmentations_name_kind_base_and_version(corpus: Corpus) -> None:
    found = {sample.id: sample.augmentation for sample in corpus.samples if sample.augmentation}
    trivial, before, after = (
        found[name] for name in ("trivial/A1/CWE-787/p_1", "non-trivial/A3_0/CWE-89/1", "non-trivial/A3_1/CWE-89/1")
    )
    assert (trivial.kind, trivial.base_id, trivial.version) == ("trivial/A1", "hand-crafted/CWE-787/p_1", "")
    assert (before.kind, before.base_id, before.version) == ("non-trivial/A3", "hand-crafted/CWE-89/1", "0")
    assert (after.kind, after.base_id, after.version) == ("non-trivial/A3", "non-trivial/A3_0/CWE-89/1", "1")


def test_reasons_are_found_under_both_spellings_of_their_folder(corpus: Corpus) -> None:
    assert all(sample.reason for sample in corpus.samples)
    assert {sample.part for sample in corpus.samples} == {"hand-crafted", "trivial", "non-trivial", "real-world"}


def test_augmented_files_without_a_twin_are_no_pair(corpus: Corpus) -> None:
    lone = {sample.id for sample in corpus.samples if sample.pair_id is None}
    assert "non-trivial/A3_1/CWE-89/1" in lone
    assert not any(name.startswith(("hand-crafted", "trivial", "real-world")) for name in lone)


def test_patched_a6_files_keep_their_label_and_carry_a_note(corpus: Corpus) -> None:
    noted = [sample for sample in corpus.samples if sample.notes]
    assert {sample.id for sample in noted} == {
        f"non-trivial/A6_{version}/{cwe}/p_1" for version in "01" for cwe in ("CWE-22", "CWE-787")
    }
    assert {sample.label for sample in noted} == {"fixed"}


def test_a_scenario_and_its_augmentations_are_one_group(corpus: Corpus) -> None:
    groups = {sample.id: corpus.groups[sample.id] for sample in corpus.samples}
    assert (
        groups["hand-crafted/CWE-787/1"] == groups["trivial/A1/CWE-787/p_1"] == groups["non-trivial/A6_1/CWE-787/p_1"]
    )
    assert groups["hand-crafted/CWE-787/1"] != groups["hand-crafted/CWE-787/2"]
    assert groups["real-world/inkwell/CVE-2099-0001/vuln"] == "cve:CVE-2099-0001"


def test_a_real_world_pair(corpus: Corpus) -> None:
    pair = next(pair for pair in corpus.pairs if pair.id == "real-world/inkwell/CVE-2099-0001")
    assert pair.vulnerable.origin.project == "inkwell"
    assert pair.vulnerable.origin.cve == "CVE-2099-0001"
    assert pair.vulnerable.cwes == ("CWE-476",)
    assert (pair.vulnerable.changed_lines, pair.fixed.changed_lines) == ((), (6, 7, 8))


def test_real_counts(real: Corpus) -> None:
    stats = count_corpus(real)
    assert stats.parts == {"hand-crafted": 48, "trivial": 84, "non-trivial": 132, "real-world": 30}
    assert (stats.n_samples, stats.n_rows_in, stats.n_noted) == (294, 294, 12)
    assert stats.n_pairs == 24 + 42 + 24 + 15
    assert stats.n_groups == 24 + 15 - 1
    assert stats.bad_rows == ()
    hand_crafted = Counter(sample.language for sample in real.samples if sample.part == "hand-crafted")
    assert hand_crafted == {"c": 36, "python": 12}


def test_real_notes_and_reasons(real: Corpus) -> None:
    noted = [sample for sample in real.samples if sample.notes]
    assert Counter(sample.cwes[0] for sample in noted) == {"CWE-22": 6, "CWE-787": 6}
    assert all(sample.label == "fixed" and "out-of-bound write" in (sample.reason or "") for sample in noted)
    assert all(sample.reason for sample in real.samples)


def test_real_near_duplicates_join_two_scenarios(real: Corpus) -> None:
    assert real.groups["hand-crafted/CWE-476/3"] == real.groups["hand-crafted/CWE-787/3"]


def test_real_bases_are_copies(real: Corpus) -> None:
    code = {sample.id: sample.code for sample in real.samples}
    bases = [sample for sample in real.samples if sample.augmentation and sample.augmentation.version == "0"]
    assert len(bases) == 66
    assert sum(code[sample.augmentation.base_id or ""] == sample.code for sample in bases if sample.augmentation) == 56
