from __future__ import annotations

import numpy as np
import pytest
from tests.effects.builders import make_margins
from tests.probe.builders import make_items

from vulnscope.effects.margins import Margins
from vulnscope.effects.outcomes import (
    Controls,
    correct_outcomes,
    measure_outcome,
    pair_correct,
    shift_threshold,
)
from vulnscope.records.base import NotMeasured
from vulnscope.records.steer import Outcome
from vulnscope.stats import Bootstrap, best_cut

ITEMS = make_items(60)
NONE = Controls((0.0,) * 20, (0.0,) * 20)
CWES = [f"CWE-{place // 2 % 3}" for place in range(len(ITEMS))]


def outcome(clean: Margins, after: Margins, controls: Controls = NONE, sign: float = 1.0) -> Outcome:
    return measure_outcome(
        "m", "method", "x", clean, after, ITEMS, Bootstrap(n_draws=400), sign=sign, controls=controls, cwes=CWES
    )


def test_a_constant_shift_only_moves_the_criterion() -> None:
    clean = make_margins(ITEMS, 1.0)
    found = outcome(clean, shift_threshold(clean, -2.0))
    assert found.bias_shift.value == pytest.approx(2.0)
    assert found.auroc_change.value == pytest.approx(0.0)
    assert found.effect == "criterion only"
    assert found.anti_steered_rate == 0.0


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
