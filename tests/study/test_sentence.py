"""The sentence of a study says whether steering did more than move the criterion."""

from __future__ import annotations

import pytest
from tests.report.records import make_record
from tests.study.test_diagnosis import about, evidence

from vulnscope.records.steer import Effect, Outcome, SteerRecord
from vulnscope.study.record import Verdict
from vulnscope.study.sentence import write_sentence


def outcome(name: str, kind: str, gain: float, effect: Effect) -> Outcome:
    return Outcome.model_construct(name=name, kind=kind, pair_correct_change=about(gain), effect=effect)


@pytest.mark.parametrize(
    ("effect", "shown"),
    [
        ("sensitivity", "and tells twins apart better."),
        ("criterion only", "but only moves the criterion."),
        ("nothing shown", "but shows no effect beyond chance."),
    ],
)
def test_the_steering_chosen_on_other_groups_is_said_with_what_it_did(effect: Effect, shown: str) -> None:
    steer = SteerRecord.model_construct(
        outcomes=(
            outcome("threshold only", "threshold", 0.4, "criterion only"),
            outcome("pca-differences", "method", 0.1, "sensitivity"),
            outcome("mean-difference-paired", "method", 0.2, effect),
            outcome("logistic-direction", "method", 0.3, "sensitivity"),
        ),
        leader="mean-difference-paired",
    )
    sentence = write_sentence(Verdict(diagnosis="cannot tell", reasons=()), evidence(0.5, 0.5), make_record(), steer)
    assert sentence.startswith("Cannot tell: organism calls ")
    assert sentence.endswith(
        "; the steering that did best on other groups (mean-difference-paired) changes pairs right by +20.0 points "
        f"[+18.0, +22.0], {shown}"
    )
