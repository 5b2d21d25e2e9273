from __future__ import annotations

import pytest
import torch
from tests.models.subjects import DENSE, EXPERTS, TUPLE, tiny_subject
from torch import Tensor, nn

from vulnscope.errors import InputError, SubjectError
from vulnscope.models.forward.hooks import Site, substituted_forward, tapped

TOKENS = torch.tensor([[5, 6, 7, 8]])


def n_hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


def logits(model: nn.Module) -> Tensor:
    with torch.inference_mode():
        return model(input_ids=TOKENS).logits  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", [DENSE, TUPLE, EXPERTS])
def test_taps_see_and_change_states_and_leave_nothing_behind(name: str) -> None:
    subject = tiny_subject(name)
    model, architecture = subject.model, subject.architecture
    clean = logits(model)
    seen: list[tuple[int, ...]] = []
    taps = {Site(1, "resid_pre"): lambda hidden: seen.append(tuple(hidden.shape)), Site(1): lambda hidden: hidden + 1.0}
    with tapped(model, architecture, taps):
        assert not torch.equal(logits(model), clean)
    assert seen == [(1, 4, 32)]
    assert n_hooks(model) == 0
    assert torch.equal(logits(model), clean)


def test_hooks_are_gone_after_errors_inside_and_while_attaching() -> None:
    subject = tiny_subject()
    model, architecture = subject.model, subject.architecture
    with pytest.raises(ZeroDivisionError), tapped(model, architecture, {Site(0): lambda hidden: hidden / (1 // 0)}):
        logits(model)
    assert n_hooks(model) == 0
    with (
        pytest.raises(InputError, match="layer 9 does not exist; this subject has layers 0 to 2"),
        tapped(model, architecture, {Site(0): lambda _: None, Site(9): lambda _: None}),
    ):
        pass
    assert n_hooks(model) == 0


def test_a_stream_that_does_not_exist_is_named() -> None:
    subject = tiny_subject("opt")
    with (
        pytest.raises(SubjectError, match="layer 1 of opt has no mlp_out: no feed-forward module"),
        tapped(subject.model, subject.architecture, {Site(1, "mlp_out"): lambda _: None}),
    ):
        pass
    with (
        pytest.raises(InputError, match="unknown stream 'nose'; choose one of: resid_pre"),
        tapped(subject.model, subject.architecture, {Site(1, "nose"): lambda _: None}),  # type: ignore[arg-type]
    ):
        pass


def test_a_substituted_forward_is_undone_also_when_nested_and_failing() -> None:
    module = nn.Linear(2, 2)
    ones = torch.ones(1, 2)
    with substituted_forward(module, lambda x: x + 1):
        with pytest.raises(ZeroDivisionError), substituted_forward(module, lambda x: x / (1 // 0)):
            module(ones)
        assert torch.equal(module(ones), ones + 1)
    assert "forward" not in module.__dict__
    assert torch.equal(module(ones), nn.functional.linear(ones, module.weight, module.bias))
