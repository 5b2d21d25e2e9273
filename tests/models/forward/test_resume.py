from __future__ import annotations

import pytest
import torch
from tests.models.subjects import DENSE, random_tokens, tiny_subject
from tests.models.zoo import EVERY_ARCHITECTURE, tiny_model
from tests.tolerances import assert_close
from torch import nn

from vulnscope.models.forward.architecture import map_architecture
from vulnscope.models.forward.forward import run_model
from vulnscope.models.forward.hooks import Site, substituted_forward, tapped
from vulnscope.models.forward.resume import check_resume, resumed

TOKENS = torch.tensor(random_tokens(6, 6))
POSITIONS = torch.arange(6).expand(2, -1)


@pytest.mark.parametrize("name", EVERY_ARCHITECTURE)
def test_a_resumed_forward_equals_the_full_one_after_every_layer(name: str) -> None:
    subject = tiny_subject(name)
    model, architecture = subject.model, subject.architecture
    resume = check_resume(model, architecture, range(architecture.n_layers))
    assert resume.capability.is_proven, resume.capability.reason
    states: dict[int, torch.Tensor] = {}
    taps = {Site(i): lambda h, i=i: states.__setitem__(i, h.clone()) for i in range(architecture.n_layers)}
    with torch.inference_mode():
        with tapped(model, architecture, taps):
            full = run_model(model, architecture, TOKENS, POSITIONS)
        for layer in range(architecture.n_layers):
            with resumed(model, architecture, resume.n_returned, layer, states[layer]):
                again = run_model(model, architecture, TOKENS, POSITIONS)
            assert_close(again, full)
        assert torch.equal(run_model(model, architecture, TOKENS, POSITIONS), full), "something was left behind"


def test_layers_below_do_not_run_and_hooks_at_the_layer_do() -> None:
    subject = tiny_subject()
    model, architecture = subject.model, subject.architecture
    hidden = torch.randn(2, 6, architecture.d_model)
    seen = []

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("computed below the layer")

    attention = [layer.self_attn for layer in subject.layers[:2]]
    with substituted_forward(attention[0], fail), substituted_forward(attention[1], fail), torch.inference_mode():
        with (
            resumed(model, architecture, (0, 0, 0), 1, hidden),
            tapped(model, architecture, {Site(1): lambda h: seen.append(h) or h * 0.0}),  # type: ignore[func-returns-value]
        ):
            zeroed = run_model(model, architecture, TOKENS, POSITIONS)
        with resumed(model, architecture, (0, 0, 0), 1, hidden * 0.0):
            assert torch.equal(run_model(model, architecture, TOKENS, POSITIONS), zeroed)
    assert seen[0] is hidden


def test_layers_that_exchange_more_than_hidden_states_are_found_out() -> None:
    """The upper layer reads what the first one leaves aside, as models with shared keys and values do."""
    model = tiny_model(DENSE)
    first, _, third = model.model.layers
    aside: dict[str, torch.Tensor] = {}
    inner, upper = first.forward, third.forward

    def leave(hidden: torch.Tensor, *args: object, **kwargs: object) -> torch.Tensor:
        aside["sum"] = hidden.cumsum(1)
        return inner(hidden, *args, **kwargs)

    def read(hidden: torch.Tensor, *args: object, **kwargs: object) -> torch.Tensor:
        return upper(hidden + aside.pop("sum"), *args, **kwargs)

    with substituted_forward(first, leave), substituted_forward(third, read):
        resume = check_resume(model, map_architecture(model), range(3))
    assert not resume.capability.is_proven
    assert resume.capability.layers == (2,)
    assert not resume.can_start(1)
    assert resume.can_start(2)
    assert resume.can_start(-1)
    assert "layer 0: KeyError: 'sum'" in str(resume.capability.reason)


def test_nothing_stays_substituted_after_an_exception() -> None:
    subject = tiny_subject()
    with (
        pytest.raises(RuntimeError, match="stop"),
        resumed(subject.model, subject.architecture, (0, 0, 0), 2, torch.zeros(1, 1, 32)),
    ):
        raise RuntimeError("stop")
    assert not any("forward" in module.__dict__ for module in subject.model.modules() if isinstance(module, nn.Module))
