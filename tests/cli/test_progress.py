"""The time left is stated wherever two steps have been seen, however long each takes."""

from __future__ import annotations

from vulnscope.cli.progress import Pace


def told(*notes: tuple[float, int]) -> Pace:
    pace = Pace()
    for seconds, done in notes:
        pace.note(seconds, done)
    return pace


def test_nothing_is_claimed_before_the_first_change() -> None:
    assert told().describe(5.0, 10) == ""
    assert told((0.0, 3), (2.0, 3)).describe(5.0, 10) == ""
    assert told((1.0, 0), (1.0, 3)).describe(1.0, 10) == ""


def test_steps_of_minutes_have_a_rate_and_a_time_left() -> None:
    pace = told((0.0, 0), (90.0, 1))
    assert pace.describe(90.0, 11) == "0:15:00 left, 90.0 s each"
    assert pace.describe(100.0, 11) == "0:14:50 left, 90.0 s each"
    # A step that takes longer than those before it does not eat the time of the next ones.
    assert pace.describe(400.0, 11) == "0:13:30 left, 90.0 s each"


def test_steps_done_before_do_not_count() -> None:
    assert told((0.0, 100), (10.0, 101)).seconds_left(10.0, 111) == 100.0


def test_fast_steps_count_over_the_last_half_minute() -> None:
    slow = [(float(second), second) for second in range(100)]
    fast = [(100.0 + second, 100 + 50 * second) for second in range(40)]
    assert told(*slow, *fast).describe(139.0, 2550) == "0:00:10 left, 50.0/s"


def test_rare_steps_count_over_the_last_five() -> None:
    slow = [(100.0 * number, number) for number in range(6)]
    assert told(*slow).seconds_each == 100.0
    quicker = [(500.0 + 40.0 * number, 5 + number) for number in range(1, 6)]
    assert told(*slow, *quicker).seconds_each == 40.0


def test_a_stage_that_begins_again_forgets_the_last_one() -> None:
    pace = told((0.0, 0), (10.0, 10), (20.0, 0))
    assert pace.seconds_each is None
    pace.note(25.0, 1)
    assert pace.seconds_each == 5.0
