"""The sentence of a steering speaks of the method that the choosing groups named, whatever did best later."""

from __future__ import annotations

import pytest

from vulnscope.records.base import Estimate
from vulnscope.records.steer import Effect, Outcome
from vulnscope.steer.sentence import write_sentence


def about(value: float) -> Estimate:
    return Estimate(value=value, low=value - 0.1, high=value + 0.1, method="bca", n=40, n_groups=40)


def outcome(name: str, kind: str, gain: float, effect: Effect) -> Outcome:
    return Outcome.model_construct(
        name=name, kind=kind, what="at layer 3", effect=effect, auroc_change=about(gain), bias_shift=about(-1.0),
        pair_correct=about(0.3 + gain),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("effect", "claim"),
    [
        ("sensitivity", "steering did more than move the criterion: led (at layer 3)"),
        ("criterion only", "steering only moved the criterion: led (at layer 3)"),
        ("nothing shown", "steering changed nothing beyond chance: led (at layer 3)"),
    ],
)
def test_the_leader_of_the_choosing_groups_is_the_headline(effect: Effect, claim: str) -> None:
    family = (
        outcome("lucky", "method", 0.4, "sensitivity"),
        outcome("led", "method", 0.1, effect),
        outcome("threshold only", "threshold", 0.2, "criterion only"),
    )
    sentence = write_sentence(family, "led", about(0.3), 20)
    assert sentence.startswith(f"on 20 held-out groups: {claim}, which did best on the groups that choose,")
    assert "AUROC" in sentence
    assert "+0.10 [0.00, +0.20]" in sentence
    assert "+0.40" not in sentence
    assert "pair-correct was 30 % [20, 40], with it 40 % [30, 50], with a threshold alone 50 % [40, 60]" in sentence
    assert sentence.endswith("; 1 of 1 other steerings told twins apart better than without")
