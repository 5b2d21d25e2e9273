"""Interventions as data do what the edits, adapters, prompts and thresholds they describe do."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from tests.interventions.steering import SITE, make_intervention, make_vectors
from tests.models.subjects import random_tokens, tiny_subject
from tests.models.zoo import tiny_model, tiny_tokenizer

from vulnscope.errors import CorruptData, InputError
from vulnscope.interventions import (
    EditSpec,
    Gate,
    Intervention,
    add_preface,
    digest_adapter,
    load_intervention,
    resolve_edits,
    save_intervention,
    under_intervention,
)
from vulnscope.models import (
    Edit,
    NormUnit,
    Subject,
    adapted,
    add,
    clamp,
    digest_edits,
    digest_in_force,
    project_out,
    replace,
    scale_component,
    score,
    when,
    wrap_model,
)
from vulnscope.models.text.selectors import positions
from vulnscope.prompts import load_prompts, render

ROWS = random_tokens(6, 4)
ANSWERS = [[(7,), (9,)]] * len(ROWS)
VECTORS = make_vectors()
FIRST, SECOND = VECTORS["first"], VECTORS["second"]
UNIT = NormUnit(site=SITE, selector="last", value=2.5, n_tokens=9, n_left_out=1)


def scores(subject: Subject, edits: list[Edit] | None = None) -> list[tuple[float, ...]]:
    return [found.log_probs for found in score(subject, ROWS, ANSWERS, edits=edits)]


@pytest.mark.parametrize(
    ("spec", "edit"),
    [
        (EditSpec(site=SITE, vectors=("first",), scale=-0.5), add(SITE, FIRST, -0.5, unit=UNIT)),
        (
            EditSpec(site=SITE, vectors=("first",), scale=2, unit="raw", keep_norm=True, selector=positions(1, 2)),
            add(SITE, FIRST, 2.0, positions(1, 2), unit="raw", keep_norm=True),
        ),
        (
            EditSpec(operation="clamp", site="1", vectors=("second",), scale=3),
            clamp(SITE, SECOND, 3.0, "last", unit=UNIT),
        ),
        (
            EditSpec(operation="scale-component", site="0.mlp_out", vectors=("first",), scale=0),
            scale_component("0.mlp_out", FIRST, 0.0, "last"),
        ),
        (
            EditSpec(operation="project-out", site=SITE, vectors=("first", "second")),
            project_out(SITE, torch.stack([FIRST, SECOND]), "last"),
        ),
        (EditSpec(operation="replace", site=SITE, vectors=("second",)), replace(SITE, SECOND, "last")),
        (
            EditSpec(
                site=SITE,
                vectors=("first",),
                unit="raw",
                condition=Gate(site="0", direction="second", threshold=0.1),
            ),
            add(SITE, FIRST, unit="raw", condition=when("0", SECOND, 0.1)),
        ),
    ],
    ids=lambda value: value.operation if isinstance(value, EditSpec) else "",
)
def test_a_spec_resolves_to_the_edit_it_describes(spec: EditSpec, edit: Edit) -> None:
    intervention = make_intervention(VECTORS, spec)
    (found,) = resolve_edits(intervention, VECTORS)
    assert found.digest() == edit.digest()
    assert found.unit == edit.unit
    again = Intervention.model_validate_json(intervention.to_json())
    assert again == intervention
    assert again.digest() == intervention.digest()


def test_applied_edits_change_scores_and_leave_nothing_behind() -> None:
    subject = tiny_subject()
    clean = scores(subject)
    intervention = make_intervention(VECTORS, EditSpec(site=SITE, vectors=("first",)))
    with under_intervention(subject, intervention, VECTORS) as changed:
        assert digest_in_force(changed) == digest_edits(resolve_edits(intervention, VECTORS))
        found = scores(changed)
    assert found == scores(subject, [add(SITE, FIRST, unit=UNIT)])
    assert found != clean
    assert scores(subject) == clean
    assert digest_in_force(subject) == "none"


def test_an_intervention_without_edits_leaves_the_subject_alone() -> None:
    subject = tiny_subject()
    with under_intervention(subject, Intervention(name="cut", threshold_nats=0.25)) as same:
        assert same is subject
        assert digest_in_force(subject) == "none"


def test_wrong_vectors_are_refused() -> None:
    spec = EditSpec(site=SITE, vectors=("first",))
    intervention = make_intervention(VECTORS, spec)
    with pytest.raises(InputError, match="'made' has edits; give the vectors they name"):
        resolve_edits(intervention, None)
    other = type(VECTORS)({"first": SECOND, "second": FIRST}, VECTORS.origin)
    with pytest.raises(InputError, match=f"digest {VECTORS.digest()}; these have {other.digest()}"):
        resolve_edits(intervention, other)
    with pytest.raises(InputError, match="there is no vector 'third'"):
        resolve_edits(make_intervention(VECTORS, EditSpec(site=SITE, vectors=("third",))), VECTORS)
    with pytest.raises(InputError, match=r"no norm unit of 2\.resid_post"):
        resolve_edits(make_intervention(VECTORS, EditSpec(site="2", vectors=("first",))), VECTORS)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"vectors": ("first", "second")}, "add takes one vector, not 2"),
        ({"vectors": ()}, "at least 1 item"),
        ({"operation": "clamp", "keep_norm": True}, "keep_norm belongs to add"),
        ({"operation": "replace", "scale": 2}, "replace has no scale"),
        ({"scale": math.nan}, "finite number"),
    ],
)
def test_an_impossible_edit_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        EditSpec.model_validate({"site": SITE, "vectors": ("first",), **fields})


def test_a_site_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match=r"not a site: '1\.residual'"):
        EditSpec(site="1.residual", vectors=("first",))


def test_a_folder_gives_back_the_intervention(tmp_path: Path) -> None:
    intervention = make_intervention(VECTORS, EditSpec(site=SITE, vectors=("second",), scale=2))
    save_intervention(tmp_path / "steered", intervention, VECTORS)
    stored = load_intervention(tmp_path / "steered")
    assert stored.intervention == intervention
    assert stored.vectors is not None
    assert resolve_edits(*stored)[0].digest() == resolve_edits(intervention, VECTORS)[0].digest()
    save_intervention(tmp_path / "cut", Intervention(name="cut", threshold_nats=-1.5))
    assert load_intervention(tmp_path / "cut") == (Intervention(name="cut", threshold_nats=-1.5), None)


def test_damaged_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no intervention: it has no intervention\.json"):
        load_intervention(tmp_path)
    (tmp_path / "intervention.json").write_text('{"name": "x", "edits": [{}]}')
    with pytest.raises(CorruptData, match=r"intervention\.json is no intervention"):
        load_intervention(tmp_path)
    save_intervention(tmp_path, make_intervention(VECTORS, EditSpec(site=SITE, vectors=("first",))), VECTORS)
    other = type(VECTORS)({"first": SECOND, "second": FIRST}, VECTORS.origin)
    save_intervention(tmp_path / "b", make_intervention(other, EditSpec(site=SITE, vectors=("first",))), other)
    (tmp_path / "b" / "vectors.safetensors").replace(tmp_path / "vectors.safetensors")
    with pytest.raises(CorruptData, match=f"has digest {other.digest()}"):
        load_intervention(tmp_path)


def test_a_preface_stands_before_each_question() -> None:
    own = load_prompts("yes-no")
    hinted = add_preface(own, "Look for {missing} bounds checks.")
    rendered = render(hinted, hinted.canonical, "secure", language="c", code="int x;")
    start, stop = rendered.spans["question"]
    assert rendered.text[:start].endswith("### Question:\nLook for {missing} bounds checks.\n")
    assert rendered.text[start:stop] == own.canonical.secure


@pytest.fixture
def adapter(tmp_path: Path) -> str:
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(
        r=2, target_modules=["q_proj", "down_proj"], init_lora_weights=False, task_type="CAUSAL_LM"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft 0.21 asks transformers for a deprecated name
        peft.get_peft_model(tiny_model("qwen2"), config).save_pretrained(tmp_path / "adapter")
    return str(tmp_path / "adapter")


def fresh_subject() -> Subject:
    return wrap_model(tiny_model("qwen2").requires_grad_(requires_grad=True), tiny_tokenizer(), name="qwen2")


def state(subject: Subject) -> list[tuple[str, int, bool]]:
    """Names and identities of all modules and parameters."""
    modules = [(name, id(module), module.training) for name, module in subject.model.named_modules()]
    return modules + [(name, id(value), value.requires_grad) for name, value in subject.model.named_parameters()]


def test_an_adapter_is_in_force_inside_the_block_only(adapter: str) -> None:
    subject = fresh_subject()
    before, attributes, clean = state(subject), set(vars(subject.model)), scores(subject)
    with adapted(subject, adapter) as changed:
        assert scores(changed) != clean
        assert changed.digest != subject.digest
        assert changed.info().adapter == adapter
        with pytest.raises(InputError, match="was opened with adapter"), adapted(changed, adapter):
            pass
    assert state(subject) == before
    assert set(vars(subject.model)) == attributes
    assert scores(subject) == clean
    with adapted(subject, adapter) as again:
        assert scores(again) != clean


def test_an_adapter_is_taken_out_after_an_error(adapter: str) -> None:
    subject = fresh_subject()
    before = state(subject)
    with pytest.raises(ZeroDivisionError), adapted(subject, adapter):
        raise ZeroDivisionError
    assert state(subject) == before


def test_an_adapter_that_does_not_fit_leaves_nothing_behind(adapter: str) -> None:
    subject = wrap_model(tiny_model("qwen2", hidden_size=64), tiny_tokenizer(), name="wide")
    before = state(subject)
    with pytest.raises(InputError, match="does not fit qwen2"), adapted(subject, adapter):
        pass
    assert state(subject) == before


def test_edits_and_adapter_together(adapter: str) -> None:
    subject = fresh_subject()
    intervention = Intervention(
        name="both",
        edits=(EditSpec(site=SITE, vectors=("first",), unit="raw"),),
        vectors_digest=VECTORS.digest(),
        adapter=adapter,
        adapter_digest=digest_adapter(adapter),
    )
    with under_intervention(subject, intervention, VECTORS) as changed:
        found = scores(changed)
    with adapted(subject, adapter) as changed:
        assert found == scores(changed, [add(SITE, FIRST, unit="raw")])
    moved = intervention.model_copy(update={"adapter_digest": "0" * 16})
    with (
        pytest.raises(InputError, match="was made with adapter files of digest 0000"),
        under_intervention(subject, moved, VECTORS),
    ):
        pass
