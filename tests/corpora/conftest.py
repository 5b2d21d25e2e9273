"""Where each registered corpus finds its committed fixture, and a quick way to make samples."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from vulnscope.corpora import Corpus, Sample, load_corpus
from vulnscope.corpora.tables.assembly import Row, assemble

MakeSample = Callable[..., Sample]
LoadFixture = Callable[..., Corpus]

FIXTURES: dict[str, tuple[str | None, dict[str, Any]]] = {
    "crossvul": ("crossvul", {}),
    "cvefixes": ("cvefixes", {}),
    "cwe-catalog": ("cwe-catalog", {}),
    "diversevul": ("diversevul", {}),
    "folder": ("folder", {}),
    "hub": ("hub", {"columns": "code=func,label=flaw,language=lang"}),
    "juliet": ("juliet", {}),
    "primevul": ("primevul", {}),
    "safecoder": ("safecoder", {}),
    "secllmholmes": ("secllmholmes", {}),
    "security-dpo": ("security-dpo", {}),
    "securityeval": ("securityeval", {}),
    "sven": ("sven", {}),
    "synthetic": (None, {"n_pairs": 12}),
    "table": ("table", {"columns": "vulnerable=bad,fixed=good,cwe=weakness,language=lang,commit=fix,id=key"}),
    "vulbench": ("vulbench", {}),
}
REAL_FOLDERS = {"cwe-catalog": "cwe_catalog", "juliet": "juliet_c"}
"""Where the folder of real data has another name than the corpus."""


@pytest.fixture(scope="session")
def corpora_dir(fixtures_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed fixtures, with the one that is a database made from its statements."""
    root = tmp_path_factory.mktemp("corpora")
    shutil.copytree(fixtures_dir / "corpora", root, dirs_exist_ok=True)
    (root / "cvefixes").mkdir()
    with closing(sqlite3.connect(root / "cvefixes" / "CVEfixes.db")) as database:
        database.executescript((root / "cvefixes.sql").read_text())
    return root


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
    return cache(
        # Juliet comes with six test cases that are no pair; they are rows to report.
        lambda name: load_corpus(name, real_corpus_dir(REAL_FOLDERS.get(name, name)), skip_bad=name == "juliet")
    )


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
