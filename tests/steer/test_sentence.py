"""The sentence of a steering speaks of the method that the choosing groups named, whatever did best later."""

from __future__ import annotations

import pytest
from tests.headlines import check_headline

from vulnscope.records.base import Estimate
from vulnscope.records.steer import Effect, Outcome, SideEffects
from vulnscope.steer.sentence import write_sentence

RUINED = SideEffects(**{**dict.fromkeys(SideEffects.model_fields, 1), "perplexity_edited": 9.0})  # type: ignore[arg-type]


def about(value: float) -> Estimate:
    return Estimate(value=value, low=value - 0.1, high=value + 0.1, method="bca", n=40, n_groups=40)


def outcome(name: str, kind: str, gain: float, effect: Effect, costs: SideEffects | None = None) -> Outcome:
    return Outcome.model_construct(
        name=name, kind=kind, what="at layer 3", effect=effect, auroc_change=about(gain), bias_shift=about(-1.0),
        pair_correct=about(0.3 + gain), side_effects=costs,
    )  # fmt: skip


@pytest.mark.parametrize("costs", [None, RUINED])
@pytest.mark.parametrize(
    ("effect", "claim"),
    [
        ("sensitivity", "tells twins apart better than all controls: AUROC +0.10"),
        ("criterion only", "only moves the criterion: margins −1.00 nats, AUROC +0.10"),
        ("not beyond controls", "moves margins no further than control directions: −1.00 nats"),
        ("nothing shown", "changes nothing beyond chance: AUROC +0.10"),
    ],
)
def test_the_leader_of_the_choosing_groups_is_the_headline(
    effect: Effect, claim: str, costs: SideEffects | None
) -> None:
    family = (
        outcome("lucky", "method", 0.4, "sensitivity"),
        outcome("led", "method", 0.1, effect, costs),
        outcome("threshold only", "threshold", 0.2, "criterion only"),
    )
    sentence = write_sentence(family, "led", about(0.3))
    check_headline(sentence)
    ruin = "" if costs is None else "; it ruins ordinary code"
    assert sentence == (
        f"led, chosen on other groups, {claim}; pairs right 30 %, with it 40 %, with a threshold alone 50 %{ruin}; "
        "1 of 1 other steerings told twins apart better"
    )
