"""Each diagnosis from the figures that define it, and none from figures that do not."""

from __future__ import annotations

from typing import Any

import pytest

from vulnscope.records.base import Estimate, NotMeasured
from vulnscope.records.study import ChangeEvidence, Evidence
from vulnscope.study.diagnosis import diagnose


def about(value: float, half: float = 0.02) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half, method="bca", n=400, n_groups=200)


def unknown(value: float) -> Estimate:
    missing = NotMeasured(reason="too few groups: 4")
    return Estimate(value=value, low=missing, high=missing, method="none", n=8, n_groups=4)


def evidence(says: float, probe: float, baseline: float = 0.5, **changes: Any) -> Evidence:
    figures: dict[str, Any] = {
        "says": about(says),
        "yes_rate": about(0.5),
        "accuracy": about(0.5 + (says - 0.5) * 0.8),
        "threshold_accuracy": about(0.5 + (says - 0.5) * 0.8),
        "threshold_gain": about(0.0),
        "threshold": 0.0,
        "probe": about(probe),
        "baseline": about(baseline),
        "baseline_name": "length",
        "over_baseline": about(probe - baseline),
        "decodable": "yes" if probe - baseline > 0.05 else "no",
        "gap": about(probe - says),
        "detectable": 0.04,
    }
    return Evidence(**{**figures, **changes})


BIASED = {"accuracy": about(0.5, 0.0), "threshold_accuracy": about(0.9), "threshold_gain": about(0.4)}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (evidence(0.95, 0.97), "says it"),
        (evidence(0.95, 0.97, **BIASED), "knows, says it with a bias"),
        (evidence(0.5, 0.97), "knows, does not say it"),
        (evidence(0.6, 0.97), "knows, does not say it"),
        (evidence(0.51, 0.52, over_baseline=about(0.01)), "blind"),
        (evidence(0.51, 0.52, over_baseline=about(0.02, 0.05)), "cannot tell"),
        (evidence(0.5, 0.9, decodable="cannot tell", over_baseline=about(0.4, 0.5)), "cannot tell"),
    ],
)
def test_each_diagnosis_has_its_figures(found: Evidence, expected: str) -> None:
    verdict = diagnose(found)
    assert verdict.diagnosis == expected
    assert verdict.reasons


def test_answers_that_fall_under_a_harmless_change_rest_on_something_else() -> None:
    fallen = ChangeEvidence(kind="strip-comments", n=200, before=about(0.99), after=about(0.5), lost=about(0.49))
    kept = fallen.model_copy(update={"after": about(0.98), "lost": about(0.01)})
    assert diagnose(evidence(0.99, 1.0, 1.0, changes=(kept, fallen))).diagnosis == "says it for the wrong reason"
    assert diagnose(evidence(0.99, 1.0, changes=(kept,))).diagnosis == "says it"
    # An answer at chance has no reason to be wrong about.
    assert diagnose(evidence(0.5, 0.5, changes=(fallen,))).diagnosis == "blind"


def test_too_few_groups_establish_nothing() -> None:
    few = {name: unknown(0.9) for name in ("says", "gap", "over_baseline", "threshold_gain", "accuracy")}
    assert diagnose(evidence(0.9, 0.9, decodable="cannot tell").model_copy(update=few)).diagnosis == "cannot tell"
    assert diagnose(evidence(0.5, 0.5, decodable="cannot tell").model_copy(update=few)).diagnosis == "cannot tell"


def test_doubt_says_what_could_have_shown_or_why_that_is_not_known() -> None:
    (reason,) = diagnose(evidence(0.52, 0.52, over_baseline=unknown(0.02), detectable=0.31)).reasons
    assert reason.endswith("; these groups could have shown a difference of 0.31")
    few = NotMeasured(reason="too few groups: 8 against 8 could not show a difference of 1/2")
    (reason,) = diagnose(evidence(0.52, 0.52, over_baseline=unknown(0.02), detectable=few)).reasons
    assert reason.endswith(f"; what difference could have shown is not known ({few.reason})")
