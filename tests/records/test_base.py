"""What rounding leaves of 0 and 1 stays out of results; what is small in earnest stays in."""

from __future__ import annotations

import pytest

from vulnscope.records.base import Estimate, NotMeasured, sweep_dust
from vulnscope.records.steer import ControlSet


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (5.551115123125783e-17, 0.0),
        (-5.551115123125783e-17, 0.0),
        (1 - 1.1e-16, 1.0),
        (-1 + 1.1e-16, -1.0),
        (1e-9, 1e-9),
        (0.3, 0.3),
        (2 + 4.4e-16, 2 + 4.4e-16),
    ],
)
def test_dust_is_swept(value: float, kept: float) -> None:
    assert sweep_dust(value) == kept
    assert str(sweep_dust(value)) == str(kept)


def test_an_estimate_and_what_it_becomes_as_json_hold_none() -> None:
    found = Estimate(value=0.0, low=-5.55e-17, high=1 - 1.1e-16, method="wilson", n=6, n_groups=3)
    assert (found.low, found.high) == (0.0, 1.0)
    assert '"low":0.0' in found.to_json()
    assert Estimate.model_validate_json(found.to_json()) == found


def test_a_missing_figure_keeps_its_reason() -> None:
    missing = NotMeasured(reason="no pairs")
    assert Estimate(value=missing, low=missing, high=missing, method="none", n=0, n_groups=0).value == missing


def test_controls_hold_none() -> None:
    found = ControlSet(
        name="random directions", n=1, auroc_changes=(5.55e-17,), pair_correct_changes=(0.1,), bias_shifts=(-1e-16,)
    )
    assert (found.auroc_changes, found.bias_shifts) == ((0.0,), (0.0,))
