from __future__ import annotations

import pytest

from vulnscope.stats import NO_CWE, match_cwe, share_matches

# Part of the research view: 119 > 787 > 121, 119 > 125; 707 > 74 > 89.
PARENTS = {
    "CWE-787": ("CWE-119",),
    "CWE-125": ("CWE-119",),
    "CWE-121": ("CWE-787", "CWE-788"),
    "CWE-89": ("CWE-943", "CWE-74"),
    "CWE-74": ("CWE-707",),
}


@pytest.mark.parametrize(
    ("truth", "answer", "expected"),
    [
        (("CWE-787",), "CWE-787", "exact"),
        (("CWE-787",), "CWE-119", "parent"),
        (("CWE-787",), "CWE-121", "child"),
        (("CWE-787",), "CWE-125", "other"),  # a sibling
        (("CWE-89",), "CWE-707", "other"),  # a grandparent
        (("CWE-89", "CWE-787"), "CWE-787", "exact"),
        (("CWE-787",), NO_CWE, "other"),
        ((), NO_CWE, "exact"),
        ((), "CWE-787", "other"),
        (("CWE-787",), None, "unparsed"),
        ((), None, "unparsed"),
    ],
)
def test_matches(truth: tuple[str, ...], answer: str | None, expected: str) -> None:
    assert match_cwe(truth, answer, PARENTS) == expected


def test_shares_sum_to_one() -> None:
    shares = share_matches(["exact", "exact", "parent", "unparsed"])
    assert shares == {"exact": 0.5, "parent": 0.25, "child": 0.0, "other": 0.0, "unparsed": 0.25}
    assert share_matches([]) == {}
