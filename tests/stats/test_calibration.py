from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from vulnscope.records.base import NotMeasured
from vulnscope.stats import (
    chance_error,
    expected_calibration_error,
    probability_of,
    reliability_bins,
    squared_errors,
)


def draw(n: int = 1000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    stated = generator.random(n)
    return stated, generator.random(n) < stated**2


def test_probability_is_the_logistic_function_and_never_overflows() -> None:
    margins = np.array([-1e6, -3.0, 0.0, 2.0, 1e6])
    assert probability_of(margins) == pytest.approx(expit(margins), abs=1e-12)


def test_brier_equals_scikit_learn() -> None:
    stated, outcomes = draw()
    assert squared_errors(stated, outcomes).mean() == pytest.approx(brier_score_loss(outcomes, stated))


def test_bins_equal_scikit_learns_quantile_bins() -> None:
    stated, outcomes = draw()
    shares, means = calibration_curve(outcomes, stated, n_bins=10, strategy="quantile")
    bins = reliability_bins(stated, outcomes)
    assert [each.share_vulnerable for each in bins] == pytest.approx(shares.tolist(), abs=1e-12)
    assert [each.mean_probability for each in bins] == pytest.approx(means.tolist(), abs=1e-12)
    assert expected_calibration_error(stated, outcomes) == pytest.approx(np.abs(shares - means).mean())


def test_equal_probabilities_stay_together() -> None:
    stated, outcomes = [0.9] * 50 + [0.1], [1] * 20 + [0] * 31
    first, second = reliability_bins(stated, outcomes)
    assert (len(first.items), len(second.items)) == (1, 50)
    # |0.1 - 0| × 1/51 + |0.9 - 0.4| × 50/51
    assert expected_calibration_error(stated, outcomes) == pytest.approx((0.1 + 25) / 51)
    assert (second.low, second.high, second.share_vulnerable) == (0.9, 0.9, 0.4)


def test_nothing_to_measure() -> None:
    assert expected_calibration_error([], []) == NotMeasured(reason="no samples")
    assert reliability_bins([], []) == []


def test_a_calibrated_model_shows_the_error_of_chance() -> None:
    generator = np.random.default_rng(1)
    stated = generator.random(200)
    errors = [
        float(expected_calibration_error(stated, generator.random(200) < stated))  # type: ignore[arg-type]
        for _ in range(400)
    ]
    chance = chance_error(stated)
    assert chance.median == pytest.approx(float(np.median(errors)), rel=0.05)
    assert np.mean(np.array(errors) > chance.high) == pytest.approx(0.05, abs=0.03)
    assert float(expected_calibration_error(*draw(200))) > chance.high  # type: ignore[arg-type]
