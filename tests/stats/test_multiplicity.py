from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from vulnscope.records.base import NotMeasured
from vulnscope.stats import benjamini_hochberg, correct, correct_family, holm, is_impossible, name_correction

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(p_values)
def test_benjamini_hochberg_equals_scipy(values: list[float]) -> None:
    assert benjamini_hochberg(values) == pytest.approx(false_discovery_control(values, method="bh").tolist())


def test_holm_worked_values() -> None:
    # Four tests, alpha .05: .005 × 4, .01 × 3, .03 × 2, and .04 × 1 raised to its predecessor.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))


@given(p_values)
def test_adjusted_values_keep_the_order_and_only_grow(values: list[float]) -> None:
    for adjusted in (holm(values), benjamini_hochberg(values)):
        assert all(old * (1 - 1e-12) <= new <= 1 for old, new in zip(values, adjusted, strict=True))
        ranked = sorted(zip(values, adjusted, strict=True))
        assert all(one[1] <= other[1] for one, other in pairwise(ranked))


def test_small_families_go_by_holm_and_large_ones_by_false_discovery() -> None:
    assert correct_family([0.01] * 20) == holm([0.01] * 20)
    assert correct_family([0.01] * 21) == benjamini_hochberg([0.01] * 21)
    assert correct_family([]) == ()
    assert [name_correction(n) for n in (1, 2, 20, 21)] == [
        "none",
        "Holm over 2",
        "Holm over 20",
        "Benjamini-Hochberg over 21",
    ]


def test_a_family_counts_only_what_was_measured_and_keeps_the_reasons_of_the_rest() -> None:
    missing = NotMeasured(reason="no pairs")
    corrected = correct([0.01, missing, 0.04, 0.03, 0.005], [100] * 5)
    assert corrected.label == "Holm over 4"
    assert corrected.p_values[1] is missing
    assert [p for p in corrected.p_values if p is not missing] == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert correct([missing], [100]).label == correct([], []).label == "none"


@pytest.mark.parametrize(
    ("p", "n_groups", "n_tests", "is_one"),
    [
        # 2^(1 - 5) = .0625 is above .05, 2^(1 - 6) = .03125 is not; over 4 tests .0125 is asked for, which 2^-7 passes.
        (0.0625, 5, 1, True),
        (0.0625, 6, 1, False),
        (0.5, 7, 4, True),
        (0.5, 8, 4, False),
        # What is shown is shown.
        (0.001, 5, 4, False),
    ],
)
def test_where_no_result_could_have_been_shown_that_stands_in_place_of_p(
    p: float, n_groups: int, n_tests: int, is_one: bool
) -> None:
    corrected = correct([p] + [1.0] * (n_tests - 1), [n_groups] + [100] * (n_tests - 1))
    first = corrected.p_values[0]
    assert is_impossible(first) is is_one
    assert corrected.n_impossible == is_one
    assert ("1 of which cannot be found here" in corrected.label) is (is_one and n_tests > 1)
    if isinstance(first, NotMeasured):
        tests = "a single test" if n_tests == 1 else f"one of {n_tests} tests"
        assert (
            first.reason == f"cannot be found here: no result of {tests} on {n_groups} groups could be clear of chance"
        )


def test_a_figure_missing_for_another_reason_is_not_impossible() -> None:
    assert not is_impossible(NotMeasured(reason="no pairs"))
    assert not is_impossible(1.0)
