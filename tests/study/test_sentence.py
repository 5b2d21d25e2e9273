"""The headline of a study: short, without brackets, and no gain without its control and its cost."""

from __future__ import annotations

from itertools import product
from typing import Any, get_args

import pytest
from tests.headlines import check_headline
from tests.report.records import make_record
from tests.study.test_diagnosis import BIASED, about, evidence, unknown

from vulnscope.records.base import not_measured
from vulnscope.records.steer import Effect, Outcome, SideEffects, SteerRecord
from vulnscope.study.record import Diagnosis, Evidence, SliceApart, Verdict
from vulnscope.study.sentence import write_sentence

COSTS = SideEffects(**dict.fromkeys(SideEffects.model_fields, 1))  # type: ignore[arg-type]
RUINED = COSTS.model_copy(update={"perplexity_clean": 36.0, "perplexity_edited": 97_718.0})
CONSTANT = {"accuracy": about(0.5, 0.0), "threshold_accuracy": about(1.0), "threshold_gain": about(0.5)}


def outcome(name: str, effect: Effect, kind: str = "method", costs: SideEffects | None = None) -> Outcome:
    return Outcome.model_construct(name=name, kind=kind, effect=effect, side_effects=costs)


def steered(*outcomes: Outcome, leader: str | None = "led") -> SteerRecord:
    return SteerRecord.model_construct(outcomes=outcomes, leader=leader)


def state(diagnosis: Diagnosis, found: Evidence, steer: SteerRecord, **said: Any) -> str:
    record = make_record()
    record = record.model_copy(update={"overall": record.overall.model_copy(update=said)})
    return write_sentence(Verdict(diagnosis=diagnosis, reasons=()), found, record, steer)


def test_a_biased_model_reads_as_one() -> None:
    sentence = state(
        "knows, says it with a bias",
        evidence(1.0, 1.0, **CONSTANT),
        steered(outcome("led", "not beyond controls", costs=COSTS)),
        yes_rate=about(1.0, 0.0),
        pair_correct=about(0.0, 0.0),
    )
    assert sentence == (
        "Knows, says it with a bias: organism calls 100 % of synthetic vulnerable, gets 0 % of pairs right; AUROC: "
        "margins 1.00, probe 1.00, surface rule 0.50; a threshold lifts accuracy from 50 % to 100 %; "
        "steering does no more than control directions."
    )


@pytest.mark.parametrize(
    ("diagnosis", "effect", "costs"),
    [*product(get_args(Diagnosis), get_args(Effect), (None, COSTS, RUINED))],
)
def test_every_headline_is_short_and_names_control_and_ruin(
    diagnosis: Diagnosis, effect: Effect, costs: SideEffects | None
) -> None:
    steer = steered(outcome("led", effect, costs=costs))
    missing = not_measured("one class only to choose a threshold by")
    for found in (
        evidence(0.6, 0.9, **BIASED),
        evidence(0.6, 0.9, threshold_gain=about(0.01)),
        evidence(0.6, 0.9, threshold_gain=unknown(0.5)),
        evidence(0.6, 0.9, threshold_gain=missing, threshold_accuracy=missing, accuracy=missing, says=missing),
    ):
        sentence = state(diagnosis, found, steer)
        check_headline(sentence)
        assert sentence.startswith(diagnosis.capitalize())
        assert ("ruins ordinary code" in sentence) is (costs is RUINED)
        assert "surface rule 0.50" in sentence
        assert ("controls" in sentence or "control directions" in sentence) is (effect == "not beyond controls")


def test_a_threshold_is_said_to_win_only_where_that_is_shown() -> None:
    steer = steered(leader=None)
    assert "a threshold lifts accuracy from 50 % to 90 %." in state("cannot tell", evidence(0.9, 0.9, **BIASED), steer)
    assert state("cannot tell", evidence(0.9, 0.9), steer).endswith("; a threshold shows no gain.")
    few = evidence(0.9, 0.9, threshold_gain=unknown(0.5))
    assert state("cannot tell", few, steer).endswith("; a threshold's gain is not known.")


def test_the_steering_chosen_on_other_groups_is_said_whatever_did_better_later() -> None:
    family = (
        outcome("threshold only", "criterion only", kind="threshold"),
        outcome("lucky", "sensitivity"),
        outcome("led", "nothing shown"),
    )
    assert state("cannot tell", evidence(0.5, 0.5), steered(*family)).endswith("; steering shows no effect.")
    assert "steering" not in state("cannot tell", evidence(0.5, 0.5), steered(*family, leader=None))


def test_answers_by_the_language_take_the_place_of_one_rate() -> None:
    record = make_record()
    parts = [
        part.model_copy(update={"kind": "language", "value": name, "yes_rate": about(rate), "yes_rate_apart_p": 0.001})
        for part, name, rate in zip(record.slices, ("c", "python"), (0.92, 0.14), strict=False)
    ]
    found = evidence(0.53, 0.5, pair_rank=about(0.75), apart=(apart("CWE-787"),))
    audit = record.model_copy(update={"slices": tuple(parts)})
    steer = SteerRecord.model_construct(outcomes=(), leader=None)
    sentence = write_sentence(Verdict(diagnosis="says it for the wrong reason", reasons=()), found, audit, steer)
    assert sentence.startswith(
        "Says it for the wrong reason: organism answers by the language: 92 % of C and 14 % of Python called "
        "vulnerable; AUROC: margins 0.53 but 75 % of twins, on CWE-787 0.95, probe 0.50, surface rule 0.50"
    )
    assert len(sentence.split()) <= 45


def apart(value: str) -> SliceApart:
    return SliceApart(kind="cwe", value=value, figure="says", own=about(0.95), overall=about(0.6), p=0.0004)
