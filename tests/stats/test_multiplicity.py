from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from vulnscope.records.base import NotMeasured
from vulnscope.stats import benjamini_hochberg, correct, correct_family, holm, name_correction

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
    corrected = correct([0.01, missing, 0.04, 0.03, 0.005])
    assert corrected.label == "Holm over 4"
    assert corrected.p_values[1] is missing
    assert [p for p in corrected.p_values if p is not missing] == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert correct([missing]).label == correct([]).label == "none"
