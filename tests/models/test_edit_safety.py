"""Edits leave nothing behind, carry gradients, work beside adapters and 4-bit weights, and refuse what breaks them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.models.subjects import DENSE, EXPERTS, TUPLE, random_tokens, tiny_subject
from tests.models.zoo import save_tiny, tiny_model, tiny_tokenizer
from tests.tolerances import assert_close
from torch import Tensor, nn
from transformers import GenerationConfig, PreTrainedModel

from vulnscope.errors import SubjectError
from vulnscope.models.answer.generation import generate
from vulnscope.models.edit.edits import Edit, add, clamp, project_out, scale_component
from vulnscope.models.forward.forward import run_model
from vulnscope.models.forward.hooks import Site, tapped
from vulnscope.models.read.activations import capture
from vulnscope.models.read.editing import edited
from vulnscope.models.subject.subject import Subject, open_subject, wrap_model

ROWS = random_tokens(6, 4, 8)
V = torch.randn(32, generator=torch.Generator().manual_seed(0))
EDIT = add(1, V, 2.0, "last", unit="raw")


def hooks(subject: Subject) -> int:
    """Number of hooks on the subject, and of its attributes that were replaced."""
    modules = list(subject.model.modules())
    replaced = sum("forward" in m.__dict__ or "_validate_generation_mode" in m.__dict__ for m in modules)
    return replaced + sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in modules)


def logits_of(subject: Subject, row: tuple[int, ...] = ROWS[0]) -> Tensor:
    return run_model(subject.model, subject.architecture, torch.tensor([row]), torch.arange(len(row))[None])


@pytest.mark.parametrize("name", [DENSE, TUPLE, EXPERTS])
def test_hooks_are_gone_after_exit_errors_and_nesting(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = tiny_subject(name)
    with torch.inference_mode():
        clean = logits_of(subject)
    with edited(subject, [EDIT], ROWS[:1]):
        with edited(subject, [add(2, V, 1.0, "all", unit="raw")]):
            assert hooks(subject) > 0
        assert hooks(subject) > 0
    assert hooks(subject) == 0

    with pytest.raises(RuntimeError, match="inside"), edited(subject, [EDIT], ROWS[:1]):
        raise RuntimeError("inside")
    assert hooks(subject) == 0

    def break_down(*_: object, **__: object) -> None:
        raise RuntimeError("no more hooks")

    monkeypatch.setattr(subject.layers[2], "register_forward_hook", break_down)
    half = [EDIT, add(0, V, 1.0, "all", unit="raw"), add(2, V, 1.0, "all", unit="raw")]
    with pytest.raises(RuntimeError, match="no more hooks"), edited(subject, half, ROWS[:1]):
        pytest.fail("attached")
    monkeypatch.undo()
    assert hooks(subject) == 0
    with torch.inference_mode():
        assert torch.equal(logits_of(subject), clean)


def test_a_failing_check_leaves_nothing_behind() -> None:
    subject = tiny_subject()
    with pytest.raises(SubjectError, match="changes no logit"), edited(subject, [add(1, V, 1e-30, unit="raw")], ROWS):
        pytest.fail("attached")
    with pytest.raises(SubjectError, match="changes no logit"):
        generate(subject, ROWS, 2, edits=[add(1, V, 1e-30, unit="raw")])
    assert hooks(subject) == 0


@pytest.mark.parametrize("name", [DENSE, TUPLE, EXPERTS])
@pytest.mark.parametrize(
    "make",
    [
        lambda v: add(1, v, 1.5, "last", unit="raw"),
        lambda v: add("0.mlp_out", v, 1.5, "all", unit="raw", keep_norm=True),
        lambda v: project_out(1, v),
        lambda v: clamp(1, v, 2.0, "prompt", unit="raw"),
        lambda v: scale_component("1.resid_pre", v, 3.0),
    ],
    ids=["add", "keep-norm", "project", "clamp", "scale"],
)
def test_the_gradient_of_a_vector_agrees_with_finite_differences(name: str, make: Callable[[Tensor], Edit]) -> None:
    subject = tiny_subject(name)

    def loss(vector: Tensor) -> Tensor:
        with edited(subject, [make(vector)], ROWS[:1], check=False):
            log_probs = logits_of(subject)[0, -1].log_softmax(-1)
        return -log_probs[7]

    vector = V.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(vector), vector)
    assert gradient.norm() > 1e-3
    for direction in (gradient, gradient + gradient.norm() * V / V.norm()):
        step = 1e-2 * direction / direction.norm()
        with torch.no_grad():
            slope = (loss(V + step) - loss(V - step)) / (2 * step.norm())
        # Layers compute norms in float32 whatever the weights are, so that smaller steps drown in rounding.
        assert float(slope) == pytest.approx(float(gradient @ step / step.norm()), rel=2e-2)


@pytest.fixture
def adapted() -> Subject:
    """A tiny subject with a LoRA adapter whose weights are not zero."""
    from peft import LoraConfig

    model = tiny_model(DENSE)
    model.add_adapter(LoraConfig(r=2, target_modules=["q_proj", "down_proj"], init_lora_weights=False))
    return wrap_model(model.eval().requires_grad_(requires_grad=False), tiny_tokenizer(), name="adapted")


@torch.inference_mode()
def test_edits_work_beside_an_adapter(adapted: Subject) -> None:
    clean = logits_of(adapted)
    assert not torch.equal(clean, logits_of(tiny_subject(DENSE)))
    with edited(adapted, [add(1, V, 0.0, "all", unit="raw")], ROWS[:1]):
        assert torch.equal(logits_of(adapted), clean)

    def by_hand(hidden: Tensor) -> Tensor:
        changed = hidden.clone()
        changed[:, -1] += 2.0 * V
        return changed

    with tapped(adapted.model, adapted.architecture, {Site(1): by_hand}):
        wanted = logits_of(adapted)
    with edited(adapted, [EDIT], ROWS[:1]):
        assert torch.equal(logits_of(adapted), wanted)
    tokens = generate(adapted, ROWS, 6, edits=[EDIT])
    alone = [generate(adapted, [row], 6, edits=[EDIT])[0] for row in ROWS]
    assert [g.token_ids for g in tokens] == [g.token_ids for g in alone]
    assert hooks(adapted) == 0


@pytest.mark.slow
def test_edits_work_on_4_bit_weights(tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    pytest.importorskip("accelerate")
    save_tiny("llama", tmp_path, hidden_size=64, intermediate_size=128, head_dim=16)
    subject = open_subject(str(tmp_path), quantize="nf4")
    vector = torch.randn(64, generator=torch.Generator().manual_seed(1))

    def loss(given: Tensor) -> Tensor:
        with edited(subject, [add(1, given, 2.0, "last", unit="raw")], ROWS[:1], check=False):
            return logits_of(subject)[0, -1].float().log_softmax(-1)[7]

    asking = vector.clone().requires_grad_()
    (before,) = torch.autograd.grad(loss(asking), asking)
    with torch.inference_mode():
        clean = logits_of(subject)
        with edited(subject, [add(1, vector, 0.0, "all", unit="raw")]):
            assert torch.equal(logits_of(subject), clean)
        with edited(subject, [add(1, vector, 2.0, unit="raw")], ROWS[:1]):
            assert not torch.equal(logits_of(subject), clean)
    # bitsandbytes 0.50 packs 4-bit weights in place at the first evaluation on CPUs with avx512_bf16, and gradients
    # through packed weights are wrong (loading.use_differentiable_kernels).
    (after,) = torch.autograd.grad(loss(asking), asking)
    assert before.norm() > 0
    assert_close(after, before)
    step = 1e-2 * before / before.norm()
    with torch.no_grad():
        slope = (loss(vector + step) - loss(vector - step)) / (2 * step.norm())
    assert float(slope) == pytest.approx(float(before.norm()), rel=5e-2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_beams": 2}, "edits do not work under beam search"),
        ({"prompt_lookup_num_tokens": 2}, "edits do not work under assisted generation"),
        ({"do_sample": True, "num_return_sequences": 2}, "repeat the prompts instead of num_return_sequences"),
        ({"cache_implementation": "static"}, "edits do not work with a static cache"),
    ],
)
def test_decoding_that_moves_rows_is_refused_by_name(settings: dict[str, Any], message: str) -> None:
    subject = tiny_subject()
    tokens = torch.tensor(ROWS[:1])
    config = GenerationConfig(max_new_tokens=2, pad_token_id=0, **settings)
    with edited(subject, [EDIT], ROWS[:1]), pytest.raises(SubjectError, match=message):
        subject.model.generate(inputs=tokens, generation_config=config)  # type: ignore[operator]
    assert hooks(subject) == 0


def test_an_assistant_model_is_refused_by_name() -> None:
    subject, assistant = tiny_subject(), tiny_model(DENSE)
    config = GenerationConfig(max_new_tokens=2, pad_token_id=0)
    with edited(subject, [EDIT], ROWS[:1]), pytest.raises(SubjectError, match="edits do not work under assisted"):
        subject.model.generate(  # type: ignore[operator]
            inputs=torch.tensor(ROWS[:1]), generation_config=config, assistant_model=assistant
        )


def compile_whole(model: PreTrainedModel) -> None:
    model.compile()


def compile_layer(model: PreTrainedModel) -> None:
    layers: nn.Module = model.model.layers
    layers[1].compile()  # type: ignore[index]


def compile_forward(model: PreTrainedModel) -> None:
    model.forward = torch.compile(model.forward)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch.compile's own imports
@pytest.mark.parametrize("spoil", [compile_whole, compile_layer, compile_forward])
def test_a_compiled_subject_is_refused_by_name(spoil: Callable[[PreTrainedModel], None]) -> None:
    model = tiny_model(DENSE)
    subject = wrap_model(model, tiny_tokenizer(), name="compiled", self_check=False)
    spoil(model)
    message = r"cannot be captured or edited: .* compiled with torch\.compile"
    with pytest.raises(SubjectError, match=message), edited(subject, [EDIT], ROWS[:1]):
        pytest.fail("attached")
    with pytest.raises(SubjectError, match=message):
        capture(subject, ROWS, [1])
