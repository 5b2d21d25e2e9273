"""Starting a forward above a layer whose output is already known, without knowing the architecture.

For the time of one call the forward of every layer up to that one is replaced by a function that returns the known
output; embeddings, masks and rotary angles are made by the model itself, as always. Hooks on the layers still fire,
so an edit at that layer's output works as in a full forward. A model whose layers exchange anything beside the
hidden states would silently lack it: `check_resume` runs each layer asked for against the full forward. Never to be
used under `generate`, where the layers left out would miss their keys and values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vulnscope.models.forward.forward import run_model
from vulnscope.models.forward.hooks import Site, substituted_forward, tapped
from vulnscope.records.subject import Capability

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import nn
    from transformers import PreTrainedModel

    from vulnscope.models.forward.architecture import Architecture

RESUME = "resume"
# Largest difference of a log-probability, in nats, that rounding alone explains.
_TOLERANCE = {torch.float16: 0.05, torch.bfloat16: 0.4}
_PROBE = (3, 10, 17, 24, 31, 38, 45)


@dataclass(frozen=True)
class Resume:
    """What resuming needs to know of a model, and where it has been proven.

    `n_returned[l]` is the length of the tuple that layer l returns, 0 where it returns the hidden states alone.
    """

    n_returned: tuple[int, ...]
    capability: Capability

    def can_start(self, layer: int) -> bool:
        """Whether a forward may start from the output of `layer`; from below the first layer it always may."""
        return layer < 0 or layer in (self.capability.layers or ())


@contextmanager
def resumed(
    model: nn.Module,
    architecture: Architecture,
    n_returned: Sequence[int],
    layer: int,
    hidden: Float[Tensor, "batch seq d_model"],
) -> Iterator[None]:
    """Inside the block a forward starts from `hidden` as the output of `layer`; -1 starts it as usual."""
    with ExitStack() as stack:
        for module, n in zip(architecture.layers(model)[: layer + 1], n_returned, strict=False):
            output = hidden if n == 0 else (hidden, *(None for _ in range(n - 1)))
            stack.enter_context(substituted_forward(module, _returning(output)))
        yield


@torch.inference_mode()
def check_resume(model: PreTrainedModel, architecture: Architecture, layers: Sequence[int]) -> Resume:
    """After which of `layers` a resumed forward gives the numbers of the full one, on a few tokens."""
    tokens = torch.tensor([_PROBE], device=model.device) % architecture.vocab_size
    positions = torch.arange(len(_PROBE), device=model.device)[None]
    states, n_returned, clean = _watch(model, architecture, tokens, positions)
    tolerance = _TOLERANCE.get(model.dtype, 1e-4)
    proven, reasons = [], []
    for layer in sorted({layer for layer in layers if layer >= 0}):
        try:
            with resumed(model, architecture, n_returned, layer, states[layer]):
                logits = run_model(model, architecture, tokens, positions)
        except Exception as error:  # whatever a foreign model raises is the reason
            reasons.append(f"layer {layer}: {type(error).__name__}: {(str(error).splitlines() or [''])[0]}")
            continue
        difference = float((logits.float().log_softmax(-1) - clean).abs().max())
        if difference <= tolerance:
            proven.append(layer)
        else:
            reasons.append(f"layer {layer}: log-probabilities differ from the full forward by {difference:.2g} nats")
    return Resume(
        n_returned=n_returned,
        capability=Capability(
            name=RESUME, is_proven=not reasons, reason="; ".join(reasons) or None, layers=tuple(proven)
        ),
    )


def _watch(
    model: PreTrainedModel, architecture: Architecture, tokens: Tensor, positions: Tensor
) -> tuple[list[Tensor], tuple[int, ...], Tensor]:
    """Output of every layer, how each one returns it, and the log-probabilities at the end."""
    states: dict[int, Tensor] = {}
    n_returned: dict[int, int] = {}
    with ExitStack() as stack:
        for number, module in enumerate(architecture.layers(model)):

            def look(_: nn.Module, __: Any, output: Any, number: int = number) -> None:
                n_returned[number] = len(output) if isinstance(output, tuple) else 0

            def keep(hidden: Tensor, number: int = number) -> None:
                states[number] = hidden.clone()

            stack.callback(module.register_forward_hook(look).remove)
            stack.enter_context(tapped(model, architecture, {Site(number): keep}))
        logits = run_model(model, architecture, tokens, positions)
    every = range(architecture.n_layers)
    return [states[i] for i in every], tuple(n_returned[i] for i in every), logits.float().log_softmax(-1)


def _returning(output: Any) -> Any:
    return lambda *_, **__: output
