import pytest
from hypothesis import given
from hypothesis import strategies as st

from vulnscope.records.base import NotMeasured
from vulnscope.stats import (
    AnswerCounts,
    chance_pair_correct,
    corrected_rate,
    count_answers,
    criterion,
    d_a,
    d_prime,
    false_alarm_rate,
    hit_rate,
    pair_cells,
)


def test_d_a_worked_value() -> None:
    # Phi(1/sqrt 2) = 0.76025: the AUROC of two unit normals one apart.
    assert d_a(0.7602499389065233) == pytest.approx(1.0)
    assert d_a(0.5) == 0.0
    assert d_a(1.0) == NotMeasured(reason="AUROC is exactly 1: the distance has no bound")
    assert d_a(NotMeasured(reason="why")) == NotMeasured(reason="why")


def test_d_prime_and_criterion_worked_values() -> None:
    counts = AnswerCounts(hits=20, misses=5, false_alarms=10, correct_rejections=15)
    assert hit_rate(counts) == pytest.approx(20.5 / 26)
    assert false_alarm_rate(counts) == pytest.approx(10.5 / 26)
    # z(.7885) = 0.801 and z(.4038) = -0.243 from a table of the normal distribution.
    assert d_prime(counts) == pytest.approx(0.801 + 0.243, abs=1e-3)
    assert criterion(counts) == pytest.approx(-(0.801 - 0.243) / 2, abs=1e-3)


def test_saying_yes_to_nearly_everything_identifies_no_d_prime() -> None:
    counts = AnswerCounts(hits=100, misses=0, false_alarms=96, correct_rejections=4)
    expected = NotMeasured(reason="not identified: only 0 of one answer on a side, 5 needed")
    assert d_prime(counts) == criterion(counts) == expected
    assert hit_rate(counts) == pytest.approx(100.5 / 101)


def test_a_d_prime_of_exactly_zero_is_measured() -> None:
    assert d_prime(AnswerCounts(10, 10, 10, 10)) == 0.0
    assert criterion(AnswerCounts(10, 10, 10, 10)) == 0.0


def test_corrected_rate_without_answers_is_not_measured() -> None:
    assert isinstance(corrected_rate(0, 0), NotMeasured)


def test_unparsed_answers_are_on_no_side() -> None:
    counts = count_answers([True, True, True, False, False], ["vulnerable", "fixed", "unparsed", "vulnerable", "fixed"])
    assert counts == AnswerCounts(1, 1, 1, 1)


says = st.sampled_from(["vulnerable", "fixed", "unparsed"])


@given(st.lists(st.tuples(says, says), min_size=1, max_size=30))
def test_pair_cells_sum_to_one(pairs: list[tuple[str, str]]) -> None:
    cells = pair_cells([one for one, _ in pairs], [other for _, other in pairs])
    assert cells is not None
    assert sum(cells.model_dump().values()) == pytest.approx(1.0)


def test_pair_cells_by_hand() -> None:
    cells = pair_cells(
        ["vulnerable", "vulnerable", "fixed", "fixed", "unparsed"],
        ["fixed", "vulnerable", "fixed", "vulnerable", "fixed"],
    )
    assert cells is not None
    assert set(cells.model_dump().values()) == {0.2}
    assert pair_cells([], []) is None


def test_chance_is_y_times_one_minus_y() -> None:
    assert chance_pair_correct(["vulnerable"] * 97 + ["fixed"] * 3) == pytest.approx(0.0291)
    assert chance_pair_correct(["vulnerable", "fixed", "unparsed", "unparsed"]) == pytest.approx(1 / 16)
    assert isinstance(chance_pair_correct([]), NotMeasured)
