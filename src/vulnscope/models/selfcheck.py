"""What a model can be trusted with, seen on a few tokens when it is opened.

Hooks: one row per layer, each edited at its own layer, shows in one forward whether an edit acts above its site
and nowhere below; a zero edit must leave every bit as it was. Padding and shared prefixes: log-probabilities of
padded, cached and forked runs against the plain forward of each sequence alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from vulnscope.errors import SubjectError
from vulnscope.models.calls import Limits
from vulnscope.models.costs import Costs
from vulnscope.models.forward import run_model
from vulnscope.models.hooks import STREAMS, Site, Stream, Tap, tapped
from vulnscope.models.levels import Read, run_forest
from vulnscope.models.prefix import plant_forest
from vulnscope.records.subject import Capabilities, Capability

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

    from vulnscope.models.architecture import Architecture

RIGHT_PADDING, LEFT_PADDING, PREFIX_CACHE = "right_padding", "left_padding", "prefix_cache"
# Largest difference of a log-probability, in nats, that rounding alone explains.
_TOLERANCE = {torch.float64: 1e-4, torch.float32: 1e-4, torch.float16: 0.05, torch.bfloat16: 0.4}
_FREE = Costs(call=0.0, reading_call=0.0, gather=0.0, attend=0.0)


def check_model(model: PreTrainedModel, architecture: Architecture) -> Capabilities:
    """Everything proven or refused, with reasons; raises `SubjectError` where not even `resid_*` can be reached."""
    probe = _Probe(model, architecture)
    streams = [probe.check_stream(stream) for stream in STREAMS]
    for item in streams[:2]:
        if not item.is_proven:
            raise SubjectError(f"{architecture.model_type} failed its self-check at {item.name}: {item.reason}")
    return Capabilities(items=(*streams, *check_batching(model, architecture)))


def check_batching(model: PreTrainedModel, architecture: Architecture) -> tuple[Capability, ...]:
    """Whether padded and prefix-shared runs give the numbers of plain ones."""
    sequences = _sequences(architecture.vocab_size)
    tolerance = _TOLERANCE.get(model.dtype, 1e-4)
    with torch.inference_mode():
        plain = [_log_probs(run_model(model, architecture, row[None], _arange(row[None]))[0]) for row in sequences]
    wanted = [log_probs[-1].max(-1) for log_probs in plain]

    def forest_difference(is_padding_allowed: bool, is_shared: bool) -> float:
        tuples = [tuple(row.tolist()) for row in sequences]
        forest = plant_forest(tuples, lambda *_: is_shared)
        reads = [Read(*forest.locate(i, len(tokens) - 1), (int(wanted[i].indices),)) for i, tokens in enumerate(tuples)]
        limits = Limits(1 << 30, 1 << 30, is_padding_allowed)
        costs = Costs(1e9, 0, 0, 0) if is_padding_allowed else _FREE
        results = run_forest(model, architecture, forest, reads, costs, limits)
        return max(abs(r.log_probs[0] - float(w.values)) for r, w in zip(results, wanted, strict=True))

    def left_difference() -> float:
        tokens, mask = _pad_left(sequences)
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        with torch.inference_mode():
            rows = _log_probs(run_model(model, architecture, tokens, positions, mask)[:, -1])
        return float((rows - torch.stack([log_probs[-1] for log_probs in plain])).abs().max())

    right = _verdict(RIGHT_PADDING, lambda: forest_difference(True, False), tolerance)
    left = _verdict(LEFT_PADDING, left_difference, tolerance)
    if "past_key_values" not in architecture.accepts:
        reason = "the model takes no key-value cache (its past is a state of its own)"
        return right, left, Capability(name=PREFIX_CACHE, is_proven=False, reason=reason)
    cache = _verdict(PREFIX_CACHE, lambda: forest_difference(right.is_proven, True), tolerance)
    return right, left, cache


@dataclass
class _Probe:
    """Runs the hook checks; the clean states of all layers are computed once."""

    model: PreTrainedModel
    architecture: Architecture

    def __post_init__(self) -> None:
        n_layers = self.architecture.n_layers
        row = _sequences(self.architecture.vocab_size)[0]
        self.tokens = row.to(self.model.device)[None].expand(n_layers, -1).contiguous()
        self.clean, self.clean_logits = self._run({})

    def check_stream(self, stream: Stream) -> Capability:
        """Whether `stream` can be captured and edited, and in which layers."""
        branches = {"attn_out": self.architecture.attention, "mlp_in": self.architecture.mlp}
        branches["mlp_out"] = self.architecture.mlp
        every = range(self.architecture.n_layers)
        candidates = branches.get(stream)
        layers = [i for i in every if candidates is None or candidates[i].path is not None]
        missing = sorted({b.reason for b in candidates or () if b.path is None})
        if not layers:
            return Capability(name=stream, is_proven=False, reason="; ".join(missing), layers=())
        try:
            problem = self._find_problem(stream, layers)
        except Exception as error:  # whatever a foreign model raises is the reason
            problem = f"{type(error).__name__}: {error}"
        if problem:
            return Capability(name=stream, is_proven=False, reason=problem, layers=())
        return Capability(name=stream, is_proven=True, reason="; ".join(missing) or None, layers=tuple(layers))

    def _find_problem(self, stream: Stream, layers: Sequence[int]) -> str | None:
        seen: dict[int, Tensor] = {}

        def capture(layer: int) -> Tap:
            return lambda hidden: seen.__setitem__(layer, hidden.detach().clone())

        self._run({Site(layer, stream): capture(layer) for layer in layers})
        shape = (*self.tokens.shape, self.architecture.d_model)
        for layer in layers:
            if layer not in seen:
                return f"layer {layer}: its module is never called"
            if tuple(seen[layer].shape) != shape:
                return f"layer {layer}: shape {tuple(seen[layer].shape)} instead of {shape}"
        _, logits = self._run({Site(layer, stream): lambda hidden: hidden + 0.0 for layer in layers})
        if not torch.equal(logits, self.clean_logits):
            return "a zero edit changes the logits"
        states, logits = self._run({Site(layer, stream): _edit_row(layer, seen[layer]) for layer in layers})
        return self._misplaced(stream, layers, states, logits)

    def _misplaced(self, stream: Stream, layers: Sequence[int], states: list[Tensor], logits: Tensor) -> str | None:
        """Row l was edited at layer l only: nothing below may move, the layer's output and the logits must."""
        for layer in layers:
            moved = [float((states[i][layer] - self.clean[i][layer]).abs().max()) for i in range(len(states))]
            scale = float(self.clean[layer][layer].abs().max()) + 1e-12
            below = max(moved[:layer], default=0.0)
            if below > 1e-2 * scale:
                return f"layer {layer}: an edit acts below its site"
            is_moved = not torch.equal(logits[layer], self.clean_logits[layer])
            if moved[layer] == 0.0 or not is_moved:
                return f"layer {layer}: an edit of {stream} has no effect"
        return None

    @torch.inference_mode()
    def _run(self, taps: dict[Site, Tap]) -> tuple[list[Tensor], Tensor]:
        """Outputs of all layers, edits included, and the logits at the last token."""
        states: dict[int, Tensor] = {}

        def keep(layer: int) -> Tap:
            return lambda hidden: states.__setitem__(layer, hidden.clone())

        watch = {Site(layer, "resid_post"): keep(layer) for layer in range(self.architecture.n_layers)}
        with tapped(self.model, self.architecture, taps), tapped(self.model, self.architecture, watch):
            logits = run_model(self.model, self.architecture, self.tokens, _arange(self.tokens))
        return [states[layer] for layer in sorted(states)], logits[:, -1]


def _edit_row(row: int, clean: Tensor) -> Tap:
    """Turn row `row` around: as large as the state itself, so that rounding cannot hide it."""

    def tap(hidden: Tensor) -> Tensor:
        edited = hidden.clone()
        edited[row] = hidden[row] + clean[row].flip(-1) + 0.1
        return edited

    return tap


def _verdict(name: str, measure: Callable[[], float], tolerance: float) -> Capability:
    try:
        difference = measure()
    except Exception as error:  # whatever a foreign model raises is the reason
        return Capability(name=name, is_proven=False, reason=f"{type(error).__name__}: {str(error).splitlines()[0]}")
    if not difference <= tolerance:
        reason = f"log-probabilities differ from the plain forward by {difference:.2g} nats"
        return Capability(name=name, is_proven=False, reason=reason, largest_difference=min(difference, 1e9))
    return Capability(name=name, is_proven=True, largest_difference=difference)


def _sequences(vocab_size: int) -> list[Tensor]:
    """Token rows that share prefixes of unequal length and end raggedly; low ids exist in every vocabulary."""
    n = min(vocab_size, 90)
    first, second = [(7 * i + 3) % n for i in range(9)], [(5 * i + 11) % n for i in range(13)]
    tails = ([8, 2, 9], [4], [6, 3, 1, 7, 5])
    rows = [head + [t % n for t in tail] for head in (first, second) for tail in tails]
    return [torch.tensor(row) for row in rows]


def _pad_left(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    width = max(len(row) for row in rows)
    tokens = torch.stack([torch.cat([row.new_zeros(width - len(row)), row]) for row in rows])
    mask = torch.stack([torch.cat([row.new_zeros(width - len(row)), torch.ones_like(row)]) for row in rows])
    return tokens, mask


def _arange(tokens: Tensor) -> Tensor:
    return torch.arange(tokens.shape[-1], device=tokens.device).expand_as(tokens)


def _log_probs(logits: Tensor) -> Tensor:
    return logits.float().log_softmax(-1)
