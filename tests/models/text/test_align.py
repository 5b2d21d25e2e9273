from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from vulnscope.models.text.align import REGIONS, align_twins

tokens = st.lists(st.integers(0, 3), min_size=1, max_size=12)


def test_regions_of_a_replaced_middle() -> None:
    found = align_twins([1, 2, 3, 9, 4, 5], [1, 2, 7, 8, 4, 5])
    assert found == {
        "prefix": ((0, 0), (1, 1)),
        "changed": ((2, 2), (3, 3)),
        "suffix": ((4, 4),),
        "last": ((5, 5),),
    }


def test_of_unequal_runs_the_last_tokens_correspond() -> None:
    found = align_twins([1, 20, 21, 22, 5, 6], [1, 30, 5, 6])
    assert found["changed"] == ((3, 1),)
    assert found["suffix"] == ((4, 2),)


def test_changes_of_equal_length_map_in_order_also_where_tokens_swap() -> None:
    assert align_twins([1, 2, 3, 5], [1, 3, 2, 5])["changed"] == ((1, 1), (2, 2))


def test_equal_runs_between_two_changes_map_one_to_one() -> None:
    found = align_twins([1, 20, 7, 8, 21, 22, 5], [1, 30, 31, 7, 8, 5])
    assert found["changed"] == ((1, 2), (2, 3), (3, 4))


def test_what_only_one_twin_has_corresponds_to_nothing() -> None:
    found = align_twins([1, 2, 5, 6], [1, 2, 3, 4, 5, 6])
    assert found["changed"] == ()
    assert found["suffix"] == ((2, 4),)
    assert found["last"] == ((3, 5),)


@given(tokens, tokens)
def test_every_token_has_at_most_one_counterpart_and_order_is_kept(first: list[int], second: list[int]) -> None:
    found = align_twins(first, second)
    assert list(found) == list(REGIONS)
    pairs = sorted(pair for region in REGIONS for pair in found[region] if region != "last")
    assert all(a < c and b < d for (a, b), (c, d) in pairwise(pairs))
    for region in ("prefix", "suffix"):
        assert all(first[i] == second[j] for i, j in found[region])
    assert found["last"] == ((len(first) - 1, len(second) - 1),)
