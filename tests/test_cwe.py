from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from vulnscope.cwe import EDITION, is_assigned, normalise_cwe, parse_cwes
from vulnscope.errors import InputError


@pytest.mark.parametrize("text", ["CWE-89", "cwe-089", "89", " CWE_89 ", "CWE 89"])
def test_every_spelling_becomes_one(text: str) -> None:
    assert normalise_cwe(text) == "CWE-89"


@pytest.mark.parametrize("text", ["CWE-abc", "", "CWE-", "CWE-0", "CWE-89a", "CWE-123456", "-89", "CVE-89"])
def test_what_is_no_identifier(text: str) -> None:
    with pytest.raises(InputError, match=r"not a CWE identifier: .*; expected a form such as CWE-89"):
        normalise_cwe(text)


def test_placeholders_are_no_cwe() -> None:
    assert parse_cwes(["NVD-CWE-noinfo", "CWE-89", "n/a", "CWE-Other", "89"]) == ("CWE-89",)


@pytest.mark.parametrize(
    ("cwe", "expected"),
    [
        ("CWE-89", True),
        ("CWE-399", True),  # a category
        ("CWE-1000", True),  # a view
        ("CWE-2000", True),  # a view far above the others
        ("CWE-1187", True),  # deprecated
        ("CWE-1446", False),
        ("CWE-1999", False),
        ("CWE-99999", False),
    ],
)
def test_numbers_that_stand_for_something(cwe: str, expected: bool) -> None:
    assert is_assigned(cwe) is expected


def test_the_numbers_are_those_of_the_real_catalogue(real_corpus_dir: Callable[[str], Path]) -> None:
    """The tree names every weakness, category and view, the deprecated ones as former relatives."""
    root = real_corpus_dir("cwe_catalog")
    tree = json.loads((root / "cwe_tree.json").read_text())
    found: set[int] = set()
    stack = [tree["data"]]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            found |= {int(value) for key, value in node.items() if key == "ID"}
        stack += node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    found |= {int(number) for number in tree["data"]}
    assert json.loads((root / "cwev.json").read_text())["ContentVersion"] == EDITION
    assert found == {number for number in range(1, 3000) if is_assigned(f"CWE-{number}")}
