"""Where each registered corpus finds its committed fixture, and a quick way to make samples."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from vulnscope.corpora import Corpus, Sample, load_corpus
from vulnscope.corpora.assembly import Row, assemble

MakeSample = Callable[..., Sample]
LoadFixture = Callable[..., Corpus]

FIXTURES: dict[str, tuple[str | None, dict[str, Any]]] = {
    "folder": ("folder", {}),
    "secllmholmes": ("secllmholmes", {}),
    "sven": ("sven", {}),
    "synthetic": (None, {"n_pairs": 12}),
    "table": ("table", {"columns": "vulnerable=bad,fixed=good,cwe=weakness,language=lang,commit=fix,id=key"}),
}


@pytest.fixture(scope="session")
def corpora_dir(fixtures_dir: Path) -> Path:
    return fixtures_dir / "corpora"


@pytest.fixture(scope="session")
def load_fixture(corpora_dir: Path) -> LoadFixture:
    """Loads the committed fixture of a registered corpus; every registered corpus must have one."""

    def load(name: str, **changes: Any) -> Corpus:
        folder, options = FIXTURES[name]
        return load_corpus(name, None if folder is None else corpora_dir / folder, **{**options, **changes})

    return load


@pytest.fixture(scope="session")
def load_real(real_corpus_dir: Callable[[str], Path]) -> Callable[[str], Corpus]:
    """Loads a real corpus, once for all tests."""
    return cache(lambda name: load_corpus(name, real_corpus_dir(name)))


@pytest.fixture(scope="session")
def make_sample() -> MakeSample:
    def make(id: str, code: str | None = None, **fields: Any) -> Sample:  # noqa: A002
        # Code of its own for each id, so that no two samples are copies of each other by accident.
        text = f"{id} is a sample unlike any other {hash_word(id)}\n" if code is None else code
        return Sample(**{"id": id, "corpus": "test", "language": "c", "label": "unlabelled", "code": text, **fields})

    return make


@pytest.fixture(scope="session")
def make_corpus() -> Callable[[list[Sample]], Corpus]:
    def make(samples: list[Sample]) -> Corpus:
        return assemble("test", [Row(sample.id, None, (sample,)) for sample in samples], skip_bad=False)

    return make


def hash_word(text: str) -> str:
    """Letters that differ from one text to the next."""
    return " ".join(f"w{ord(character) * 7919 + index}" for index, character in enumerate(text * 3))
