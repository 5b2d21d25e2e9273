"""Each diagnosis from the figures that define it, and none from figures that do not."""

from __future__ import annotations

from typing import Any

import pytest

from vulnscope.records.base import Estimate, NotMeasured, not_measured
from vulnscope.study.diagnosis import Limits, diagnose
from vulnscope.study.record import ChangeEvidence, Evidence


def about(value: float, half: float = 0.02) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half, method="bca", n=400, n_groups=200)


def exact(low: float, high: float) -> Estimate:
    return Estimate(value=(low + high) / 2, low=low, high=high, method="bca", n=400, n_groups=200)


def unknown(value: float) -> Estimate:
    missing = NotMeasured(reason="too few groups: 4")
    return Estimate(value=value, low=missing, high=missing, method="none", n=8, n_groups=4)


def evidence(says: float, probe: float, baseline: float = 0.5, /, **changes: Any) -> Evidence:
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


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        # A quarter of the way to the probe is behind, half of the way is not.
        (evidence(0.625, 1.0), "knows, does not say it"),
        (evidence(0.75, 1.0), "says it"),
        (evidence(0.6875, 1.0), "knows, does not say it"),
        # Behind without a gap clear of 0, or without a probe that knows: nothing is hidden.
        (evidence(0.51, 0.97, gap=about(0.46, 0.46)), "cannot tell"),
        (evidence(0.6, 0.97, decodable="no"), "says it"),
        # Neither far behind nor above chance: the gap alone is no claim.
        (evidence(0.75, 0.97, says=about(0.75, 0.25), gap=about(0.22)), "cannot tell"),
        # An answer that is not measured is not far behind.
        (evidence(0.5, 0.97, says=not_measured("no pairs")), "cannot tell"),
        (evidence(0.5, 0.97, probe=not_measured("no pairs")), "cannot tell"),
    ],
)
def test_far_behind_is_less_than_half_of_what_the_probe_reads(found: Evidence, expected: str) -> None:
    assert diagnose(found).diagnosis == expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        # Bounds on the line do not lie beyond it: .5 for answers, .05 for the rest.
        (evidence(0.75, 0.75, says=about(0.75, 0.25)), "cannot tell"),
        (evidence(0.75, 0.75, accuracy=about(0.75, 0.25)), "cannot tell"),
        (evidence(0.95, 0.97, threshold_gain=about(0.3, 0.25)), "says it"),
        (evidence(0.95, 0.97, threshold_gain=about(0.3, 0.24)), "knows, says it with a bias"),
        (evidence(0.5, 0.97, gap=about(0.5, 0.5)), "cannot tell"),
        (evidence(0.5, 0.5, over_baseline=exact(0.0, 0.05)), "cannot tell"),
        (evidence(0.5, 0.5, over_baseline=exact(0.0, 0.04)), "blind"),
        (evidence(0.5, 0.5, says=exact(0.45, 0.55)), "cannot tell"),
        (evidence(0.5, 0.5, says=exact(0.45, 0.54)), "blind"),
    ],
)
def test_bounds_must_lie_beyond_their_line(found: Evidence, expected: str) -> None:
    assert diagnose(found).diagnosis == expected


def test_lines_can_be_drawn_elsewhere() -> None:
    strict = Limits(negligible=0.01, bias_gain=0.5, lost_share=0.9)
    assert diagnose(evidence(0.5, 0.5), strict).diagnosis == "cannot tell"
    assert diagnose(evidence(0.95, 0.97, **BIASED), strict).diagnosis == "cannot tell"
    half = ChangeEvidence(kind="rename", n=200, before=about(1.0), after=about(0.7), lost=about(0.3))
    assert diagnose(evidence(0.99, 1.0, changes=(half,)), strict).diagnosis == "says it"
    with pytest.raises(ValueError, match="less than or equal to 1"):
        Limits(lost_share=1.5)
    for name in ("negligible", "bias_gain", "lost_share"):
        with pytest.raises(ValueError, match="greater than 0"):
            Limits(**{name: 0.0})
        assert Limits(**{name: 0.5}) is not None


@pytest.mark.parametrize(
    ("before", "after", "lost", "expected"),
    [
        # From 1 to .75 is half of what lies above chance, and not more than half.
        (about(1.0), about(0.75), about(0.25), "says it"),
        (about(1.0), about(0.6875), about(0.3125), "says it for the wrong reason"),
        # Lost, but not clear of what counts as nothing; or clear, but little.
        (about(1.0), about(0.5), exact(0.05, 0.9), "says it"),
        (about(1.0), about(0.9), about(0.1), "says it"),
        (not_measured("no pairs"), about(0.5), about(0.5), "says it"),
        (about(1.0), not_measured("no pairs"), about(0.5), "says it"),
    ],
)
def test_an_answer_falls_by_more_than_half(before: Estimate, after: Estimate, lost: Estimate, expected: str) -> None:
    change = ChangeEvidence(kind="rename", n=200, before=before, after=after, lost=lost)
    assert diagnose(evidence(0.99, 1.0, changes=(change,))).diagnosis == expected


def test_a_change_without_figures_hides_no_later_one() -> None:
    missing = not_measured("no sample can be renamed")
    unknown = ChangeEvidence(kind="rename", n=0, before=missing, after=missing, lost=missing)
    fallen = ChangeEvidence(kind="strip-comments", n=200, before=about(0.99), after=about(0.5), lost=about(0.49))
    verdict = diagnose(evidence(0.99, 1.0, changes=(unknown, fallen)))
    assert verdict.reasons == (
        "its answers rank samples (0.99 [0.97, 1.01]), but lose that under strip-comments "
        "(0.99 [0.97, 1.01] to 0.50 [0.48, 0.52]), which keeps every label",
    )


def test_reasons_name_the_figures() -> None:
    decodable = "decodable: a probe reads 0.97 [0.95, 0.99], the best surface rule (length) 0.50 [0.48, 0.52]"
    assert diagnose(evidence(0.95, 0.97, **BIASED)).reasons == (
        decodable,
        "its answers rank samples: 0.95 [0.93, 0.97]",
        "a threshold lifts balanced accuracy from 0.50 [0.50, 0.50] to 0.90 [0.88, 0.92]",
    )
    assert diagnose(evidence(0.95, 0.97)).reasons == (
        decodable,
        "its answers rank samples: 0.95 [0.93, 0.97]",
        "balanced accuracy 0.86 [0.84, 0.88]; a threshold adds 0.00 [−0.02, 0.02]",
    )
    assert diagnose(evidence(0.5, 0.97)).reasons == (
        decodable,
        "its answers do not show it: 0.50 [0.48, 0.52], gap 0.47 [0.45, 0.49]",
    )
    assert diagnose(evidence(0.5, 0.5)).reasons == (
        "neither a probe (over the best surface rule: 0.00 [−0.02, 0.02]) nor its answers (0.50 [0.48, 0.52]) "
        "tell vulnerable from fixed code",
    )
    (reason,) = diagnose(evidence(0.5, 0.5, over_baseline=unknown(0.0))).reasons
    assert reason.startswith("nothing is established: says 0.50 [0.48, 0.52], probe over surface 0.00; ")


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
