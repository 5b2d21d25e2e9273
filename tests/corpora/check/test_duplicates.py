from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vulnscope.corpora import Sample
from vulnscope.corpora.check.duplicates import find_near_duplicates, link_near_duplicates, shingle

words = st.lists(st.sampled_from("abcd"), min_size=1, max_size=14).map(" ".join)


def test_shingles_are_runs_of_five_tokens() -> None:
    assert shingle("if (x)  y=1") == {"if ( x ) y", "( x ) y =", "x ) y = 1"}
    assert shingle("a b") == {"a b"}


def test_a_copy_with_other_white_space_is_found_and_twins_are_not(make_sample: Callable[..., Sample]) -> None:
    code = "int add(int a, int b)\n{\n    return a + b;\n}\n"
    samples = [
        make_sample("a", code, pair_id="p"),
        make_sample("b", code + "\n", pair_id="p"),
        make_sample("c", code.replace("    ", "\t")),
        make_sample("d"),
    ]
    assert [(link.one, link.other) for link in find_near_duplicates(samples)] == [("a", "c"), ("b", "c")]
    assert link_near_duplicates(samples) == dict.fromkeys("abc", "near:a")


@given(st.lists(words, min_size=2, max_size=12), st.sampled_from([0.5, 0.8, 1.0]))
def test_the_same_as_comparing_all(codes: list[str], threshold: float) -> None:
    samples = [
        Sample(id=str(number), corpus="t", language="c", label="fixed", code=code) for number, code in enumerate(codes)
    ]
    expected = {}
    for (one, first), (other, second) in combinations(enumerate(codes), 2):
        left, right = shingle(first), shingle(second)
        jaccard = len(left & right) / len(left | right)
        if jaccard >= threshold:
            expected[str(one), str(other)] = pytest.approx(jaccard)
    assert {(link.one, link.other): link.jaccard for link in find_near_duplicates(samples, threshold)} == expected
