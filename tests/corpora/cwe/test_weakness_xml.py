"""The catalogue in MITRE's XML, against the same catalogue in JSON."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from vulnscope.corpora import load_corpus
from vulnscope.corpora.cwe.weaknesses import load_weaknesses
from vulnscope.errors import CorruptData, InputError

ENTITIES = """<?xml version="1.0"?>
<!DOCTYPE Weakness_Catalog [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;"><!ENTITY out SYSTEM "file:///etc/passwd">]>
<Weakness_Catalog><Weaknesses><Weakness ID="1" Name="x"><Description>&out;</Description></Weakness></Weaknesses>
</Weakness_Catalog>
"""


@pytest.fixture
def published(corpora_dir: Path) -> Path:
    return corpora_dir / "cwe-catalog-xml"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def write_to(text: str) -> Path:
        path = tmp_path / "cwec_v9.9.xml"
        path.write_text(text, encoding="utf-8")
        return path

    return write_to


def test_it_says_what_the_json_says(published: Path, corpora_dir: Path) -> None:
    json_edition = load_weaknesses(corpora_dir / "cwe-catalog")
    assert load_weaknesses(published) == json_edition
    assert load_weaknesses(published / "cwec_v0.1.xml") == json_edition


def test_code_keeps_its_lines_and_indents(published: Path, corpora_dir: Path) -> None:
    corpus, json_edition = (
        load_corpus("cwe-catalog", published),
        load_corpus("cwe-catalog", corpora_dir / "cwe-catalog"),
    )
    assert [(each.id, each.label, each.code.strip()) for each in corpus.samples] == [
        (each.id, each.label, each.code.strip()) for each in json_edition.samples
    ]
    assert corpus.samples[0].origin.path == "cwec_v0.1.xml:4"
    assert (corpus.n_rows_in, corpus.bad_rows) == (2, ())


def test_entities_are_refused(write: Callable[[str], Path]) -> None:
    with pytest.raises(CorruptData, match=r"cwec_v9\.9\.xml:2: a document type declaration, which the CWE catalogue"):
        load_weaknesses(write(ENTITIES))


def test_a_truncated_file(write: Callable[[str], Path], published: Path) -> None:
    whole = (published / "cwec_v0.1.xml").read_text(encoding="utf-8")
    with pytest.raises(CorruptData, match=r"not XML that can be read: .*line \d+.*; download it again"):
        load_weaknesses(write(whole[: len(whole) // 2]))


@pytest.mark.parametrize(
    ("weakness", "problem"),
    [
        ('<Weakness ID="9" Name="x"/>', "Description is missing"),
        ('<Weakness ID="x" Name="x"><Description>y</Description></Weakness>', "not a CWE identifier: 'x'"),
    ],
)
def test_an_entry_that_lacks_something(weakness: str, problem: str, write: Callable[[str], Path]) -> None:
    path = write(f"<Weakness_Catalog>\n{weakness}\n</Weakness_Catalog>")
    with pytest.raises(CorruptData, match=rf"{path.name}:2: not an entry of the CWE catalogue: .*{problem}"):
        load_weaknesses(path)


def test_xml_of_something_else(write: Callable[[str], Path]) -> None:
    with pytest.raises(InputError, match="holds no weaknesses"):
        load_weaknesses(write("<rss/>"))


def test_two_editions_in_one_folder(published: Path, tmp_path: Path) -> None:
    for name in ("cwec_v1.xml", "cwec_v2.xml"):
        shutil.copy(published / "cwec_v0.1.xml", tmp_path / name)
    with pytest.raises(InputError, match="2 editions of the CWE catalogue; name one of the files"):
        load_weaknesses(tmp_path)
