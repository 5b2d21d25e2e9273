from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.effects.builders import make_margins
from tests.probe.builders import make_items

from vulnscope.effects.controls import RANDOM, SHUFFLED
from vulnscope.effects.margins import Margins
from vulnscope.effects.outcomes import (
    Controls,
    auroc_gain,
    correct_outcomes,
    judge_effect,
    measure_all_controls,
    measure_controls,
    measure_outcome,
    pair_correct,
    shift_threshold,
)
from vulnscope.records.base import NotMeasured
from vulnscope.records.steer import Outcome, SideEffects
from vulnscope.stats import Bootstrap, best_cut

ITEMS = make_items(60)
STILL = (0.0,) * 20
NONE = Controls(STILL, STILL, STILL, STILL)
CWES = [f"CWE-{place // 2 % 3}" for place in range(len(ITEMS))]


def outcome(clean: Margins, after: Margins, controls: Controls = NONE, sign: float = 1.0) -> Outcome:
    return measure_outcome(
        "m", "method", "x", clean, after, ITEMS, Bootstrap(n_draws=400), sign=sign, controls=controls, cwes=CWES
    )


# Three pairs of three groups, vulnerable first. The first pair turns round, the last twin is not parsed any more.
FEW = replace(make_items(3), strata=("one",) * 6)
CLEAN = Margins(
    np.array([1.0, 2.0, 2.0, -1.0, -1.0, -2.0]),
    ("vulnerable", "fixed", "vulnerable", "fixed", "fixed", "fixed"),
)
AFTER = Margins(
    np.array([3.0, 2.0, 2.0, -1.0, 0.0, -2.0]),
    ("vulnerable", "vulnerable", "vulnerable", "fixed", "unparsed", "fixed"),
)


def measure_few(clean: Margins = CLEAN, after: Margins = AFTER, **given: Any) -> Outcome:
    given = {"sign": 1.0, "controls": Controls(), **given}
    return measure_outcome("m", "method", "x", clean, after, FEW, Bootstrap(), **given)


def test_figures_of_three_pairs_worked_by_hand() -> None:
    found = measure_few()
    assert found.bias_shift.value == pytest.approx(3 / 6)
    assert found.pair_rank_change.value == pytest.approx(1 / 3)
    assert found.pair_correct.value == pytest.approx(1 / 3)
    assert found.pair_correct_change.value == pytest.approx(1 / 3 - 2 / 3)
    assert found.yes_rate.value == pytest.approx(3 / 6)
    assert found.unparsed_rate.value == pytest.approx(1 / 6)
    # Against the fixed samples of other pairs the vulnerable ones won 2, 1.5 and 0.5 of 2, then 2, 1.5 and 1.
    assert found.auroc.value == pytest.approx(4.5 / 6)
    assert found.auroc_change.value == pytest.approx(0.5 / 6)
    # One group moved its rank, two their margins: all flips of one are as extreme, and half of those of two.
    assert found.p == found.p_corrected == 1.0
    assert found.bias_p == 0.5
    assert (found.pair_correct.n, found.yes_rate.n, found.unparsed_rate.n, found.bias_shift.n) == (3, 6, 6, 6)


def test_few_groups_give_intervals_of_shares_alone() -> None:
    found = measure_few()
    assert [each.method for each in (found.pair_correct, found.yes_rate, found.unparsed_rate)] == ["wilson"] * 3
    changes = (found.bias_shift, found.pair_rank_change, found.pair_correct_change)
    assert [each.method for each in changes] == ["none"] * 3


def test_a_share_that_never_changes_has_an_interval_on_its_scale() -> None:
    clean = make_margins(ITEMS, 1.0)
    found = outcome(clean, clean).pair_correct_change
    # Wilson's interval of 1/2 at 60 groups is 1/2 ± 0.12265, and the scale of a change is twice as long.
    assert (found.low, found.value, found.high) == (
        pytest.approx(-0.2453, abs=1e-4),
        0,
        pytest.approx(0.2453, abs=1e-4),
    )


def test_what_is_given_is_kept() -> None:
    costs = dict.fromkeys(SideEffects.model_fields, 1)
    found = measure_few(digest="d1", side_effects=SideEffects(**costs))  # type: ignore[arg-type]
    assert found.intervention_digest == "d1"
    assert found.side_effects == SideEffects(**costs)  # type: ignore[arg-type]


def test_what_is_missing_says_why() -> None:
    found = measure_few(sign=0.0)
    assert found.p_random == NotMeasured(reason="no random directions beside it")
    assert found.p_shuffled == NotMeasured(reason="no shuffled labels beside it")
    assert found.anti_steered_rate == NotMeasured(reason="it has no scale whose sign could be gone against")


def test_moves_within_rounding_are_none() -> None:
    still = Margins(np.zeros(6), ("fixed",) * 6)
    for size, p, rate in ((0.5e-4, 1.0, 0.0), (1e-4, 0.25, 0.0), (2e-4, 0.25, 1.0)):
        found = measure_few(still, Margins(np.full(6, -size), still.says))
        assert (found.bias_p, found.anti_steered_rate) == (p, rate)


def test_controls_that_do_exactly_as_well_count_against() -> None:
    gain = auroc_gain(CLEAN.margins, AFTER.margins, FEW)
    found = measure_few(controls=Controls((gain, gain - 0.1, 0.9), (gain - 1e-9, -1.0, 0.0, 0.0)))
    assert found.p_random == pytest.approx((1 + 2) / (1 + 3))
    assert found.p_shuffled == pytest.approx(1 / 5)


def test_sensitivity_asks_for_all_of_its_conditions() -> None:
    met: dict[str, Any] = {"p_corrected": 0.05, "p_random": 0.05, "p_shuffled": 0.05, "bias_p": 1.0}
    found = measure_few()
    above = found.auroc_change.model_copy(update={"low": 0.01, "high": 0.5})
    found = found.model_copy(update={**met, "auroc_change": above, "bias_p_random": 0.05, "bias_p_shuffled": 0.05})
    assert judge_effect(found) == "sensitivity"
    for name in ("p_corrected", "p_random", "p_shuffled"):
        assert judge_effect(found.model_copy(update={name: 0.051})) == "nothing shown"
    for low in (0.0, -0.01, NotMeasured(reason="few")):
        change = above.model_copy(update={"low": low})
        assert judge_effect(found.model_copy(update={"auroc_change": change})) == "nothing shown"
        assert judge_effect(found.model_copy(update={"auroc_change": change, "bias_p": 0.05})) == "criterion only"
        assert judge_effect(found.model_copy(update={"auroc_change": change, "bias_p": 0.051})) == "nothing shown"


def test_a_gain_is_within_cwes() -> None:
    # Two pairs in each of two CWEs, which stay ten nats apart while the vulnerable twins fall below all fixed ones.
    items = replace(make_items(4), strata=("one",) * 4 + ("other",) * 4)
    before = np.array([1.0, 0.0, 1.0, 0.0, 11.0, 10.0, 11.0, 10.0])
    assert auroc_gain(before, -before, items) == -1.0


def test_pairs_alone_in_their_cwe_show_no_gain_of_auroc() -> None:
    alone = replace(FEW, strata=tuple(pair or "" for pair in FEW.pairs))
    found = measure_outcome(
        "m", "method", "x", CLEAN, AFTER, alone, Bootstrap(), sign=1.0, controls=Controls((0.0,), (0.0,))
    )
    reason = NotMeasured(reason="no stratum holds vulnerable and fixed samples of different groups")
    assert found.auroc.value == found.auroc_change.value == found.p_random == found.p_shuffled == reason
    assert measure_controls("shuffled labels", [AFTER], CLEAN, alone).auroc_changes == ()


def test_controls_are_measured_against_the_clean_run() -> None:
    found = measure_controls("shuffled labels", [AFTER, CLEAN], CLEAN, FEW)
    assert (found.name, found.n) == ("shuffled labels", 2)
    assert found.auroc_changes == pytest.approx((1 / 12, 0.0))
    assert found.pair_correct_changes == pytest.approx((-1 / 3, 0.0))
    assert found.bias_shifts == pytest.approx((0.5, 0.0))


def test_controls_are_sorted_by_their_names() -> None:
    moved = Margins(CLEAN.margins + 1.0, AFTER.says)
    found = {f"{SHUFFLED} 0": moved, f"{RANDOM} 0": AFTER, "another": AFTER, f"{SHUFFLED} 1": CLEAN}
    controls, sets = measure_all_controls(found, CLEAN, FEW)
    drawn, swapped = (
        measure_controls(RANDOM, [AFTER], CLEAN, FEW),
        measure_controls(SHUFFLED, [moved, CLEAN], CLEAN, FEW),
    )
    assert sets == (drawn, swapped)
    assert controls == Controls(drawn.auroc_changes, swapped.auroc_changes, drawn.bias_shifts, swapped.bias_shifts)


def test_a_margin_on_the_threshold_does_not_accuse() -> None:
    found = shift_threshold(Margins(np.array([1.0, 2.0, 3.0]), ("vulnerable",) * 3), 2.0)
    assert found.margins.tolist() == [-1.0, 0.0, 1.0]
    assert found.says == ("fixed", "fixed", "vulnerable")


def test_the_row_of_an_only_cwe_says_what_the_whole_says() -> None:
    clean, after = make_margins(ITEMS, 1.0), make_margins(ITEMS, 1.5, bias=0.5, seed=3)
    cwes = ["CWE-89"] * len(ITEMS)
    found = measure_outcome(
        "m", "method", "x", clean, after, ITEMS, Bootstrap(n_draws=50), sign=1.0, controls=NONE, cwes=cwes
    )
    (row,) = found.per_cwe
    assert (row.n_pairs, row.bias_shift, row.auroc_change) == (60, found.bias_shift, found.auroc_change)
    assert row.p == row.p_corrected == found.p


def test_a_cwe_needs_two_pairs_and_hides_no_later_one() -> None:
    items = make_items(10)
    clean = Margins(np.tile([-1.0, 1.0], 10), ("fixed",) * 20)
    after = Margins(np.tile([1.0, -1.0], 10), ("fixed",) * 20)
    cwes = [name for name, n in (("CWE-1", 2), ("CWE-2", 4), ("CWE-3", 14)) for _ in range(n)]
    found = measure_outcome("m", "method", "x", clean, after, items, Bootstrap(), sign=1.0, controls=NONE, cwes=cwes)
    too_few = "cannot be found here: no result of one of 2 tests on 2 groups could be clear of chance"
    # Every pair turns round: two groups flip as far in half of all flips, seven in 2 of 128; Holm doubles the smaller.
    assert [(row.cwe, row.n_pairs, row.p, row.p_corrected) for row in found.per_cwe] == [
        ("CWE-2", 2, 0.5, NotMeasured(reason=too_few)),
        ("CWE-3", 7, 2 / 128, 4 / 128),
    ]


def test_correction_takes_back_what_does_not_last() -> None:
    found = measure_few()
    above = found.auroc_change.model_copy(update={"low": 0.01, "high": 0.5})
    many = found.pair_rank_change.model_copy(update={"n_groups": 60})
    one = found.model_copy(
        update={
            "p_random": 0.01, "p_shuffled": 0.01, "bias_p": 1.0, "auroc_change": above, "pair_rank_change": many
        }
    )  # fmt: skip
    missing = NotMeasured(reason="no items")
    family = [one.model_copy(update={"p": p}) for p in (0.01, 0.03, missing, 0.04)]
    corrected = correct_outcomes(family)
    # Holm: .01 × 3, then .03 × 2, and .04 raised to its predecessor.
    assert [each.p_corrected for each in corrected] == [
        pytest.approx(0.03),
        pytest.approx(0.06),
        missing,
        pytest.approx(0.06),
    ]
    assert [each.effect for each in corrected] == ["sensitivity", *["nothing shown"] * 3]


def test_so_few_groups_cannot_show_nothing() -> None:
    (alone,) = correct_outcomes([measure_few()])
    assert alone.p == 1.0
    assert alone.p_corrected == NotMeasured(
        reason="cannot be found here: no result of a single test on 3 groups could be clear of chance"
    )
    assert alone.effect == "cannot be found here"


def test_a_constant_shift_only_moves_the_criterion() -> None:
    clean = make_margins(ITEMS, 1.0)
    found = outcome(clean, shift_threshold(clean, -2.0))
    assert found.bias_shift.value == pytest.approx(2.0)
    assert found.auroc_change.value == pytest.approx(0.0)
    assert found.effect == "criterion only"
    assert found.anti_steered_rate == 0.0


def test_a_shift_that_controls_reach_in_size_is_none_of_the_direction() -> None:
    clean = make_margins(ITEMS, 1.0)
    after = shift_threshold(clean, -2.0)
    as_far = (-2.0, *STILL[1:])
    for controls, ps in (
        (Controls(STILL, STILL, as_far, STILL), (2 / 21, 1 / 21)),
        (Controls(STILL, STILL, STILL, as_far), (1 / 21, 2 / 21)),
    ):
        found = outcome(clean, after, controls)
        assert (found.bias_p_random, found.bias_p_shuffled) == (pytest.approx(ps[0]), pytest.approx(ps[1]))
        assert found.effect == "not beyond controls"
    assert outcome(clean, after, Controls()).effect == "not beyond controls"
    # A threshold moves the criterion by what it is: there is no direction to draw controls for.
    cut = measure_outcome(
        "t", "threshold", "x", clean, after, ITEMS, Bootstrap(n_draws=50), sign=0.0, controls=Controls()
    )
    assert cut.effect == "criterion only"


def test_ruin_is_twice_the_perplexity_or_half_of_the_parsing() -> None:
    costs = SideEffects(**dict.fromkeys(SideEffects.model_fields, 1))  # type: ignore[arg-type]
    missing = NotMeasured(reason="no code")
    for update, is_ruinous in (
        ({"perplexity_clean": 36.0, "perplexity_edited": 72.0}, False),
        ({"perplexity_clean": 36.0, "perplexity_edited": 72.1}, True),
        ({"parses_clean": 0.8, "parses_edited": 0.4}, False),
        ({"parses_clean": 0.8, "parses_edited": 0.39}, True),
        ({"parses_clean": 0.0, "parses_edited": 0.0}, False),
        ({"perplexity_edited": missing, "parses_clean": missing}, False),
    ):
        assert costs.model_copy(update=update).is_ruinous is is_ruinous, update


def test_telling_twins_apart_better_is_sensitivity() -> None:
    clean, after = make_margins(ITEMS, 0.0), make_margins(ITEMS, 4.0)
    found = outcome(clean, after)
    assert found.effect == "sensitivity"
    assert found.p_random == pytest.approx(1 / 21)


def test_controls_that_do_as_well_take_the_claim_away() -> None:
    clean, after = make_margins(ITEMS, 0.0), make_margins(ITEMS, 4.0)
    found = outcome(clean, after, Controls((0.9,) * 20, (0.0,) * 20))
    assert found.p_random == 1.0
    assert found.effect != "sensitivity"


def test_without_controls_nothing_is_claimed() -> None:
    found = outcome(make_margins(ITEMS, 0.0), make_margins(ITEMS, 4.0), Controls())
    assert isinstance(found.p_random, NotMeasured)
    assert found.effect != "sensitivity"


def test_no_change_shows_nothing() -> None:
    clean = make_margins(ITEMS, 1.0)
    found = outcome(clean, clean)
    assert found.effect == "nothing shown"
    assert found.p == 1.0


def test_moves_against_the_sign_are_counted() -> None:
    clean = Margins(np.zeros(len(ITEMS)), ("fixed",) * len(ITEMS))
    after = Margins(np.where(np.arange(len(ITEMS)) % 4 == 0, 1.0, -1.0), ("fixed",) * len(ITEMS))
    assert outcome(clean, after, sign=-0.5).anti_steered_rate == 0.25
    assert outcome(clean, after, sign=0.5).anti_steered_rate == 0.75
    assert isinstance(outcome(clean, after, sign=0.0).anti_steered_rate, NotMeasured)


def test_each_cwe_has_its_row() -> None:
    found = outcome(make_margins(ITEMS, 0.0), make_margins(ITEMS, 3.0))
    assert [row.cwe for row in found.per_cwe] == ["CWE-0", "CWE-1", "CWE-2"]
    assert all(row.n_pairs == 20 for row in found.per_cwe)


def test_p_values_are_corrected_over_the_family() -> None:
    clean = make_margins(ITEMS, 0.0)
    family = [outcome(clean, make_margins(ITEMS, 0.9, seed=seed)) for seed in range(6)]
    corrected = correct_outcomes(family)
    assert all(one.p_corrected >= other.p for one, other in zip(corrected, family, strict=True))  # type: ignore[operator]


def test_the_threshold_restores_a_biased_model() -> None:
    biased = make_margins(ITEMS, 4.0, bias=10.0)
    assert pair_correct(biased, ITEMS) == 0.0
    restored = shift_threshold(biased, best_cut(biased.margins, ITEMS.is_vulnerable))
    assert pair_correct(restored, ITEMS) > 0.8


@pytest.mark.parametrize("margins", [[1.0, 2.0], [2.0, 1.0]])
def test_a_threshold_exists_for_any_order(margins: list[float]) -> None:
    items = make_items(1)
    found = shift_threshold(
        given := Margins(np.array(margins), ("fixed",) * 2), best_cut(given.margins, items.is_vulnerable)
    )
    assert len(set(found.says)) == (1 if margins == [1.0, 2.0] else 2)
