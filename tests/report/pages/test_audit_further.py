"""Each further figure of an audit in one line: its name, its value, and what to hold against it."""

from __future__ import annotations

from tests.report.panels import make_answers, make_classification, make_full_record, make_robustness
from tests.report.records import make_record

from vulnscope.records.answers import AnswerFigures, PromptFigures
from vulnscope.records.audit import AuditRecord
from vulnscope.records.base import Estimate, NotMeasured, not_measured
from vulnscope.records.figures import PromptGrid, PromptSpread, ReadOutAgreement
from vulnscope.report.pages.audit import list_further


def about(value: float, half: float = 0.05) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half, method="bca", n=120, n_groups=60)


def lines_of(record: AuditRecord) -> list[tuple[str, str, str]]:
    return [tuple(line) for line in list_further(record)]


def test_an_audit_without_more_has_no_lines() -> None:
    assert lines_of(make_record(4)) == []


def test_a_classifier_is_held_against_chance() -> None:
    whole = make_classification()
    cuts = (
        whole.cuts[0].model_copy(update={"vd_s": about(0.9), "false_positive_rate": 0.005, "warning": "too few: more"}),
        whole.cuts[1].model_copy(update={"vd_s": about(0.8), "false_positive_rate": 0.05, "warning": None}),
    )
    assert whole.calibration is not None
    calibration = whole.calibration.model_copy(
        update={"brier": about(0.29), "error": 0.21, "error_by_chance": 0.08, "error_by_chance_high": 0.12}
    )
    found = whole.model_copy(
        update={
            "share_vulnerable": 0.25,
            "balanced_accuracy": about(0.55),
            "mcc": about(0.11, 0.13),
            "average_precision": about(0.58),
            "cuts": cuts,
            "calibration": calibration,
        }
    )
    assert lines_of(make_record(4, classification=found)) == [
        ("Balanced accuracy", "55 % [50, 60]", "half is chance"),
        ("Matthews correlation", "+0.11 [−0.02, +0.24]", "0 is chance"),
        ("Average precision", "0.58 [0.53, 0.63]", "chance 0.25"),
        ("VD-S at 0.5 % false alarms", "90 % [85, 95]", "too few"),
        ("VD-S at 5 % false alarms", "80 % [75, 85]", "vulnerable code missed"),
        ("Calibration error", "0.21", "0.12 by chance; Brier 0.29"),
    ]
    bare = found.model_copy(update={"mcc": not_measured("one label"), "cuts": (), "calibration": None})
    assert lines_of(make_record(4, classification=bare))[1:] == [
        ("Matthews correlation", "n/a", "one label"),
        ("Average precision", "0.58 [0.53, 0.63]", "chance 0.25"),
    ]


def test_wording_names_the_worst_and_the_best_prompt() -> None:
    spread = PromptSpread(
        measure="accuracy",
        mean=about(0.51),
        deviation=0.07,
        best="flaw",
        best_value=about(0.6),
        worst="direct",
        worst_value=about(0.42),
        best_on_others=about(0.56),
    )
    ranked = spread.model_copy(update={"measure": "pair-rank", "mean": about(0.7)})
    whole = make_full_record(4).prompt_grid
    assert whole is not None
    grid = PromptGrid(columns=(), lines=whole.lines, spread=(spread, ranked), agreement=about(0.8))
    ends = "42 % (direct) to 60 % (flaw)"
    assert lines_of(make_record(4, prompt_grid=grid)) == [
        ("Right, mean of 3 prompts", "51 % [46, 56]", ends),
        ("Right, best prompt", "56 % [51, 61]", "chosen on other groups"),
        ("Ranked right, mean of 3 prompts", "70 % [65, 75]", ends),
        ("Ranked right, best prompt", "56 % [51, 61]", "chosen on other groups"),
        ("Two prompts agree", "80 % [75, 85]", "the same verdict"),
    ]


def test_two_read_outs_agree_with_their_kappa() -> None:
    found = ReadOutAgreement(
        n=9, agreement=about(0.9), kappa=-0.3, typed_accuracy=about(0.5), log_odds_accuracy=about(0.6)
    )
    line = ("Read-outs agree", "90 % [85, 95]", "κ −0.30 of typed answer and log-odds")
    assert lines_of(make_record(4, read_outs=found)) == [line]
    missing = found.model_copy(update={"agreement": not_measured("no answers")})
    assert lines_of(make_record(4, read_outs=missing)) == [("Read-outs agree", "n/a", "no answers")]


def make_worded() -> AnswerFigures:
    found = make_answers("S1")
    assert found.weaknesses is not None
    assert found.lines is not None
    shares = {"exact": 0.3, "parent": 0.1, "child": 0.05, "none": 0.55}
    lines = {"hit": 0.9, "precision": 0.4, "recall": 0.6, "share_named": 0.2}
    return found.model_copy(
        update={
            "stability": (
                found.stability[0].model_copy(
                    update={"same_verdict": about(0.9), "always_right": about(0.5), "n_silent": 1200}
                ),
            ),
            "weaknesses": found.weaknesses.model_copy(
                update={"n": 1060, **{name: about(value) for name, value in shares.items()}}
            ),
            "lines": found.lines.model_copy(update={name: about(value) for name, value in lines.items()}),
        }
    )


def test_answers_in_words_repeat_name_and_find() -> None:
    found = make_worded()
    repeats = ("S1 at temperature 0.2", "90 % [85, 95]")
    silent = "one verdict in 10 repeats (1,200 samples lack a verdict); always right 50 % [45, 55]"
    assert lines_of(make_record(4, answers=found)) == [
        (*repeats, silent),
        ("Names the very CWE", "30 % [25, 35]", "parent 10 %, child 5 %, neither 55 %; of 1,060"),
        ("Lines found", "60 % [55, 65]", "of changed lines; 20 % of all lines named, 40 % of those changed"),
    ]
    told = found.model_copy(
        update={
            "stability": (found.stability[0].model_copy(update={"n_silent": 0}),),
            "weaknesses": None,
            "lines": None,
        }
    )
    note = "one verdict in 10 repeats; always right 50 % [45, 55]"
    assert lines_of(make_record(4, answers=told)) == [(*repeats, note)]


def test_temperatures_stand_beside_each_other_where_nothing_was_repeated() -> None:
    found = make_answers("S1")
    cold = found.prompts[0].model_copy(update={"accuracy": about(0.5), "n": 1200, "states": {"parsed": 110, "cut": 1}})
    hot = PromptFigures(**{**dict(cold), "temperature": 0.7, "states": {"cut": 1200}})
    two = found.model_copy(update={"prompts": (cold, hot), "stability": (), "weaknesses": None, "lines": None})
    assert lines_of(make_record(4, answers=two)) == [
        ("S1 at temperature 0", "50 % [45, 55]", "right; 1,090 of 1,200 without a verdict"),
        ("S1 at temperature 0.7", "50 % [45, 55]", "right; 1,200 of 1,200 without a verdict"),
    ]
    same = two.model_copy(update={"prompts": (cold, cold)})
    assert lines_of(make_record(4, answers=same)) == []
    repeated = two.model_copy(update={"stability": found.stability})
    assert [line[0] for line in lines_of(make_record(4, answers=repeated))] == ["S1 at temperature 0.2"]


def test_harmless_changes_leave_right_answers_right() -> None:
    found = make_robustness(("rename", "comments"))
    figures = {"right_before": about(0.6), "right_after": about(0.55), "robust": about(0.5), "unchanged": about(0.9)}
    lines = (
        found.lines[0].model_copy(update=figures),
        found.lines[1].model_copy(update={**figures, "robust": not_measured("no sample changed")}),
    )
    assert lines_of(make_record(4, robustness=found.model_copy(update={"lines": lines}))) == [
        ("Survives rename", "50 % [45, 55]", "right and unchanged; right 60 % before, 55 % after"),
        ("Survives comments", "n/a", "no sample changed"),
    ]


def test_a_calibration_without_an_error_says_so() -> None:
    whole = make_classification()
    assert whole.calibration is not None
    missing = whole.calibration.model_copy(update={"error": NotMeasured(reason="few"), "brier": about(0.29)})
    (*_, line) = lines_of(make_record(4, classification=whole.model_copy(update={"calibration": missing})))
    assert line == ("Calibration error", "n/a", "0.12 by chance; Brier 0.29")
