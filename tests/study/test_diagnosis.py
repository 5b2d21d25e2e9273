"""Each diagnosis from the figures that define it, and none from figures that do not."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from vulnscope.records.base import Estimate, NotMeasured, not_measured
from vulnscope.study.diagnosis import Limits, diagnose
from vulnscope.study.record import ChangeEvidence, Evidence, SliceApart


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
        "says_given_surface": about(says),
        "pair_rank": about(says),
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
        "its answers rank samples: 0.95 [0.93, 0.97], 0.95 [0.93, 0.97] without the size of the code",
        "a threshold lifts balanced accuracy from 0.50 [0.50, 0.50] to 0.90 [0.88, 0.92]",
    )
    assert diagnose(evidence(0.95, 0.97)).reasons == (
        decodable,
        "its answers rank samples: 0.95 [0.93, 0.97], 0.95 [0.93, 0.97] without the size of the code",
        "balanced accuracy 0.86 [0.84, 0.88]; a threshold adds 0.00 [−0.02, 0.02]",
    )
    assert diagnose(evidence(0.5, 0.97)).reasons == (
        decodable,
        "its answers do not show it: 0.50 [0.48, 0.52], gap 0.47 [0.45, 0.49]",
    )
    assert diagnose(evidence(0.5, 0.5)).reasons == (
        "neither a probe (over the best surface rule: 0.00 [−0.02, 0.02]) nor its answers (0.50 [0.48, 0.52]; of "
        "twins 0.50 [0.48, 0.52]) tell vulnerable from fixed code",
    )
    (reason,) = diagnose(evidence(0.5, 0.5, over_baseline=unknown(0.0))).reasons
    assert reason.startswith(
        "nothing is established: says 0.50 [0.48, 0.52], 0.50 [0.48, 0.52] without the size of the code; probe over "
        "surface 0.00; "
    )
    assert diagnose(evidence(0.04, 0.97)).reasons == (
        decodable,
        "its answers rank samples the wrong way round: 0.04 [0.02, 0.06], 0.04 [0.02, 0.06] without the size of the "
        "code",
    )
    assert diagnose(evidence(0.88, 0.93, 0.93, says_given_surface=about(0.5))).reasons == (
        "its answers rank samples (0.88 [0.86, 0.90]), but only by the size of the code: without it 0.50 [0.48, 0.52]",
    )


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


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        # Clear of 1/2 without the size of the code; or under .55 and most of it gone; or neither.
        (about(0.88), "says it"),
        (exact(0.501, 0.54), "says it for the wrong reason"),
        (exact(0.45, 0.549), "says it for the wrong reason"),
        (exact(0.45, 0.55), "cannot tell"),
        (exact(0.5, 0.7), "cannot tell"),
        (exact(0.501, 0.7), "says it"),
        (not_measured("no pairs"), "cannot tell"),
    ],
)
def test_answers_that_rank_are_held_against_size(given: Estimate, expected: str) -> None:
    assert diagnose(evidence(0.88, 0.9, 0.9, says_given_surface=given)).diagnosis == expected


def test_a_weak_answer_that_size_does_not_explain_has_no_wrong_reason() -> None:
    weak = evidence(0.52, 0.5, says=exact(0.51, 0.53), says_given_surface=exact(0.505, 0.535))
    assert diagnose(weak.model_copy(update={"accuracy": exact(0.501, 0.52)})).diagnosis == "says it"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (evidence(0.05, 1.0), "answers the opposite"),
        (evidence(0.05, 0.5), "answers the opposite"),
        # What is negligible in samples and in twins is no inversion; what shows in twins alone is.
        (evidence(0.47, 1.0), "knows, does not say it"),
        (evidence(0.47, 1.0, pair_rank=about(0.25)), "answers the opposite"),
        (evidence(0.47, 1.0, pair_rank=exact(0.3, 0.45)), "knows, does not say it"),
        # "Longer is vulnerable" reads below 1/2 where fixes add code, without any insight.
        (evidence(0.1, 1.0, says_given_surface=about(0.5)), "knows, does not say it"),
        (evidence(0.48, 1.0, says=exact(0.46, 0.5)), "knows, does not say it"),
        (evidence(0.1, 1.0, says_given_surface=exact(0.1, 0.5)), "knows, does not say it"),
    ],
)
def test_the_opposite_passes_the_same_test_reversed(found: Evidence, expected: str) -> None:
    assert diagnose(found).diagnosis == expected


def test_an_inversion_that_rests_on_a_remark_is_none() -> None:
    risen = ChangeEvidence(kind="strip-comments", n=200, before=about(0.05), after=about(0.5), lost=about(-0.45))
    assert diagnose(evidence(0.05, 1.0, changes=(risen,))).diagnosis == "knows, does not say it"
    little = risen.model_copy(update={"after": about(0.1), "lost": about(-0.05)})
    assert diagnose(evidence(0.05, 1.0, changes=(little,))).diagnosis == "answers the opposite"


@pytest.mark.parametrize(
    ("pair_rank", "expected"),
    [(exact(0.45, 0.549), "blind"), (exact(0.45, 0.55), "cannot tell"), (about(0.75), "cannot tell")],
)
def test_who_tells_twins_apart_is_not_blind(pair_rank: Estimate, expected: str) -> None:
    verdict = diagnose(evidence(0.5, 0.5, says=exact(0.49, 0.54), pair_rank=pair_rank))
    assert verdict.diagnosis == expected
    assert ("but of twins 0.75 [0.73, 0.77]" in verdict.reasons[0]) == (pair_rank.value == 0.75)


def test_a_reason_names_the_surest_slice_of_each_kind() -> None:
    def apart(value: str, kind: Literal["cwe", "language"], figure: Literal["yes-rate", "says"]) -> SliceApart:
        return SliceApart(kind=kind, value=value, figure=figure, own=about(0.95), overall=about(0.6), p=0.0004)

    slices = (apart("CWE-787", "cwe", "says"), apart("CWE-22", "cwe", "says"), apart("c", "language", "yes-rate"))
    assert diagnose(evidence(0.6, 0.6, 0.6, apart=slices)).reasons[-2:] == (
        "CWE-787 is not like the rest: it ranks 0.95 [0.93, 0.97] there, 0.60 [0.58, 0.62] over all (p < 0.001)",
        "C is not like the rest: it calls vulnerable 95 % [93, 97] there, 60 % [58, 62] over all (p < 0.001)",
    )


def test_evidence_of_earlier_versions_establishes_nothing_it_did_not_measure() -> None:
    old = evidence(0.95, 0.97).model_dump(exclude={"says_given_surface", "pair_rank"})
    assert diagnose(Evidence.model_validate(old)).diagnosis == "cannot tell"
