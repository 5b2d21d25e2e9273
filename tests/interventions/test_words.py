"""What tables call an intervention, and what holds of each operation."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from vulnscope.interventions import EditSpec, Gate, Intervention
from vulnscope.interventions.words import describe_edits, describe_intervention, sign_of
from vulnscope.models.edit.traits import TRAITS, OperationName
from vulnscope.prompts import load_prompts


def spec(operation: OperationName = "add", scale: float = 1.0, **fields: object) -> EditSpec:
    return EditSpec(operation=operation, site="3", vectors=("v",), scale=scale, **fields)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (spec(scale=-0.5), "3.resid_post, last: add −0.5 norm units"),
        (spec(scale=4, unit="raw"), "3.resid_post, last: add 4"),
        (spec("clamp", 2), "3.resid_post, last: clamp 2 norm units"),
        (spec("scale-component", 0.0), "3.resid_post, last: scale-component 0"),
        (spec("project-out", selector="all"), "3.resid_post, all: projected out"),
        (
            spec(condition=Gate(site="2", direction="v", threshold=-1.5, is_above=False)),
            "3.resid_post, last: add 1 norm units, where its read-out is below −1.50",
        ),
    ],
)
def test_an_edit_says_where_and_how_far(given: EditSpec, words: str) -> None:
    assert describe_edits([given]) == words


def test_many_edits_are_counted() -> None:
    assert describe_edits([spec()] * 4) == "4 edits at 3.resid_post"
    assert describe_edits([spec(), spec("project-out")]).count(";") == 1


def test_all_that_an_intervention_changes_is_named() -> None:
    whole = Intervention(
        name="all", prompts=load_prompts("yes-no"), edits=(spec(unit="raw"),), vectors_digest="d",
        adapter="lora", adapter_digest="e", threshold_nats=-0.25,
    )  # fmt: skip
    found = describe_intervention(whole)
    assert found == "3.resid_post, last: add 1; adapter lora; its own prompts; vulnerable above −0.25 nats"
    assert describe_intervention(Intervention(name="none")) == ""


def test_a_sign_needs_a_number_that_has_one_and_edits_that_agree() -> None:
    assert sign_of([spec(scale=0.5), spec("clamp", 3)]) == 1.0
    assert sign_of([spec(scale=-0.5)]) == -1.0
    assert sign_of([spec(scale=0.5), spec(scale=-1)]) == 0.0
    assert sign_of([spec("project-out")]) == 0.0
    assert sign_of([spec("scale-component", 2)]) == 0.0
    assert sign_of([]) == 0.0


@pytest.mark.parametrize("operation", TRAITS)
def test_an_edit_takes_what_its_operation_has(operation: OperationName) -> None:
    """Each trait decides what is refused."""
    traits = TRAITS[operation]
    asked = {
        "scale": (2.0, traits.is_scaled),
        "vectors": (("v", "w"), traits.takes_subspace),
        "keep_norm": (True, traits.may_keep_norm),
    }
    for name, (value, is_taken) in asked.items():
        fields = {"operation": operation, "site": "3", "vectors": ("v",), name: value}
        if is_taken:
            EditSpec(**fields)
        else:
            with pytest.raises(ValidationError):
                EditSpec(**fields)
