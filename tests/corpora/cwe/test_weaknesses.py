from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from vulnscope.corpora.cwe.weaknesses import Weaknesses, load_weaknesses
from vulnscope.errors import CorruptData, InputError


@pytest.fixture(scope="module")
def catalogue(fixtures_dir: Path) -> Weaknesses:
    return load_weaknesses(fixtures_dir / "catalogue")


@pytest.mark.parametrize(
    ("said", "match"),
    [
        ("CWE-787", "exact"),
        ("CWE-119", "parent"),
        ("CWE-121", "child"),
        ("CWE-118", "none"),
        ("CWE-20", "none"),
        ("CWE-89", "none"),
        ("CWE-99999", "none"),
        (None, "none"),
    ],
)
def test_a_weakness_is_placed_on_the_research_tree(catalogue: Weaknesses, said: str | None, match: str) -> None:
    assert catalogue.match(("CWE-787",), said) == match


def test_the_nearest_label_counts(catalogue: Weaknesses) -> None:
    assert catalogue.match(("CWE-89", "CWE-787"), "CWE-119") == "parent"
    assert catalogue.match(("CWE-119", "CWE-787"), "CWE-119") == "exact"


def test_what_is_no_catalogue_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read the CWE catalogue.*weaknesses\.jsonl"):
        load_weaknesses(tmp_path)
    path = tmp_path / "weaknesses.jsonl"
    path.write_text('{"ID": "89", "Name": "x", "Description": "y"}\n{"ID": "?"}\n', encoding="utf-8")
    with pytest.raises(CorruptData, match=r"weaknesses\.jsonl:2: not an entry"):
        load_weaknesses(tmp_path)
    twice = '{"ID": "89", "Name": "x", "Description": "y"}\n'
    path.write_text(2 * twice, encoding="utf-8")
    with pytest.raises(CorruptData, match=r"weaknesses\.jsonl:2: CWE-89 is in the catalogue twice"):
        load_weaknesses(tmp_path)
    path.write_text("\n", encoding="utf-8")
    with pytest.raises(InputError, match="holds no weaknesses"):
        load_weaknesses(tmp_path)


def test_one_file_per_weakness(tmp_path: Path, catalogue: Weaknesses, fixtures_dir: Path) -> None:
    folder = tmp_path / "json_repo" / "W"
    folder.mkdir(parents=True)
    for line in (fixtures_dir / "catalogue" / "weaknesses.jsonl").read_text().splitlines():
        row = json.loads(line)
        (folder / f"{row['ID']}.json").write_text(json.dumps({"Weaknesses": [row]}, indent=2))
    assert load_weaknesses(tmp_path).entries == catalogue.entries


def test_the_published_catalogue_is_read(real_corpus_dir: Callable[[str], Path]) -> None:
    catalogue = load_weaknesses(real_corpus_dir("cwe_catalog"))
    assert len(catalogue.entries) == 969
    assert catalogue.match(("CWE-787",), "CWE-119") == "parent"
    assert catalogue.match(("CWE-119",), "CWE-787") == "child"


def test_a_weakness_covers_itself_its_descendants_and_its_direct_parents(catalogue: Weaknesses) -> None:
    known = ("CWE-118", "CWE-119", "CWE-787", "CWE-121", "CWE-89")
    covered = [label for label in known if catalogue.covers("CWE-119", (label,))]
    assert covered == ["CWE-118", "CWE-119", "CWE-787", "CWE-121"]
    assert catalogue.covers("CWE-118", ("CWE-89", "CWE-121"))
    assert not catalogue.covers("CWE-121", ("CWE-119",))
    assert not catalogue.covers("CWE-787", ())
