"""What a model can be trusted with, seen on a few tokens when it is opened.

Hooks: one row per layer, each edited at its own layer, shows in one forward whether an edit acts above its site
and nowhere below; a zero edit must leave every bit as it was. Padding and shared prefixes: log-probabilities of
padded, cached and forked runs against the plain forward of each sequence alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from transformers import GenerationConfig

from vulnscope.errors import SubjectError
from vulnscope.models.forward.call_cutting import Limits
from vulnscope.models.forward.call_prices import CallPrices
from vulnscope.models.forward.forward import generation_inputs, run_model
from vulnscope.models.forward.head import reading_head
from vulnscope.models.forward.hooks import STREAMS, Site, Stream, Tap, tapped
from vulnscope.models.forward.lengths import find_rope_switch, probe_lengths
from vulnscope.models.forward.packing import PACKING, check_packing, find_window
from vulnscope.models.forward.prefix import plant_forest
from vulnscope.models.forward.tree_forward import Read, run_forest
from vulnscope.records.subject import Capabilities, Capability

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

    from vulnscope.models.forward.architecture import Architecture

RIGHT_PADDING, LEFT_PADDING, PREFIX_CACHE = "right_padding", "left_padding", "prefix_cache"
BATCH_DECODING = "batch_decoding"
# Largest difference of a log-probability, in nats, that rounding alone explains.
_TOLERANCE = {torch.float64: 1e-4, torch.float32: 1e-4, torch.float16: 0.05, torch.bfloat16: 0.4}
_FEW_CALLS = CallPrices(call=1e9, reading_call=0.0, gather=0.0, attend=0.0)
# An edit counts as acting below its site from this share of the state's size on: rounding in a mixture of experts,
# whose batches change with the edit, stays far below.
_MOVED = 1e-2
_PROBE_TOKENS = 6


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
    batch = _Batch(model, architecture)
    tolerance = _TOLERANCE.get(model.dtype, 1e-4)
    right = _verdict(RIGHT_PADDING, lambda: batch.forest_difference(is_padded=True, is_shared=False), tolerance)
    left = _verdict(LEFT_PADDING, lambda: batch.decoding_difference([batch.rows[1], batch.rows[-1]]), tolerance)
    equal = [batch.rows[0][:_PROBE_TOKENS], batch.rows[-1][:_PROBE_TOKENS]]
    together = _verdict(BATCH_DECODING, lambda: batch.decoding_difference(equal), tolerance)
    if "past_key_values" not in architecture.accepts:
        reason = "the model takes no key-value cache; its past is a state that cannot be forked"
        cache = Capability(name=PREFIX_CACHE, is_proven=False, reason=reason)
    else:
        cache = _verdict(PREFIX_CACHE, lambda: batch.forest_difference(right.is_proven, True), tolerance)
    if not cache.is_proven:
        packing = Capability(name=PACKING, is_proven=False, reason=f"needs {PREFIX_CACHE}")
    else:
        packing = check_packing(model, architecture)
    return right, left, together, cache, packing


def list_switches(model: PreTrainedModel) -> tuple[int, ...]:
    """Lengths beyond which a model may do otherwise than the self-check saw: its rope's, and its windows'."""
    found = (find_rope_switch(model), find_window(model))
    return tuple(sorted({length for length in found if length}))


def check_lengths(model: PreTrainedModel, architecture: Architecture, known: Capabilities, switch: int) -> Capabilities:
    """`known` as it holds for rows longer than `switch` tokens, where the model changes.

    Where rope depends on the length of the call, no row is run beside another length or behind a shared prefix.
    Otherwise rows before, across and behind the switch are run together and held against their plain forwards.
    """
    rope = find_rope_switch(model)
    if rope is not None and rope <= switch:
        reason = f"its rope depends on the length of the call from {rope} tokens on"
        off = {RIGHT_PADDING, LEFT_PADDING, PREFIX_CACHE, PACKING}
        return _replace(known, {name: Capability(name=name, is_proven=False, reason=reason) for name in off})
    batch = _Batch(model, architecture, _rows_around(switch, architecture.vocab_size))
    tolerance = _TOLERANCE.get(model.dtype, 1e-4)
    found: dict[str, Capability] = {}
    for name, is_padded, is_shared in ((RIGHT_PADDING, True, False), (PREFIX_CACHE, known.has(RIGHT_PADDING), True)):
        if known.has(name):
            found[name] = _verdict(name, partial(batch.forest_difference, is_padded, is_shared, switch), tolerance)
    if known.has(PACKING) and not found[PREFIX_CACHE].is_proven:
        found[PACKING] = Capability(name=PACKING, is_proven=False, reason=f"needs {PREFIX_CACHE}")
    return _replace(known, {name: item for name, item in found.items() if not item.is_proven})


def _replace(known: Capabilities, changed: dict[str, Capability]) -> Capabilities:
    return Capabilities(items=tuple(changed.get(item.name, item) for item in known.items))


class _Batch:
    """A few ragged sequences with shared prefixes, and their log-probabilities from plain forwards one by one."""

    def __init__(
        self, model: PreTrainedModel, architecture: Architecture, rows: Sequence[Tensor] | None = None
    ) -> None:
        self.model, self.architecture = model, architecture
        self.rows = [row.to(model.device) for row in rows or _sequences(architecture.vocab_size)]
        self.plain = torch.cat([_last_log_probs(model, architecture, row[None]) for row in self.rows])
        self.top = self.plain.argmax(-1)

    def forest_difference(self, is_padded: bool, is_shared: bool, longest_packed: int = 0) -> float:
        """Largest difference (nats) of the top token's log-probability, rows in one padded or prefix-shared run.

        Siblings up to `longest_packed` tokens share a row.
        """
        sequences = [tuple(row.tolist()) for row in self.rows]
        forest = plant_forest(sequences, lambda *_: is_shared)
        ends = [forest.locate(number, len(tokens) - 1) for number, tokens in enumerate(sequences)]
        reads = [Read(*end, (int(token),)) for end, token in zip(ends, self.top, strict=True)]
        limits = Limits(
            max_tokens=1 << 30, max_reads=1 << 30, is_padding_allowed=is_padded, longest_packed=longest_packed
        )
        found = run_forest(self.model, self.architecture, forest, reads, _FEW_CALLS, limits)
        return self._difference(torch.tensor([next_token.log_probs[0] for next_token in found]))

    def decoding_difference(self, rows: Sequence[Tensor]) -> float:
        """Largest difference (nats) over two steps of the model's own cached generation, padded on the left.

        The second step counts: some models read a padded prompt correctly but carry its padding on in their state.
        """
        config = GenerationConfig(max_new_tokens=2, min_new_tokens=2, do_sample=False, pad_token_id=0)
        config.output_logits = config.return_dict_in_generate = True
        inputs = generation_inputs(self.architecture, [row.tolist() for row in rows], self.model.device)
        output: Any = self.model.generate(generation_config=config, **inputs)  # type: ignore[operator]
        differences = []
        for number, row in enumerate(rows):
            for step, logits in enumerate(output.logits):
                sequence = torch.cat([row, output.sequences[number, -2 : step - 2]])[None] if step else row[None]
                plain = _last_log_probs(self.model, self.architecture, sequence)[0]
                differences.append(_distance(logits[number].float().log_softmax(-1)[plain.argmax()], plain.max()))
        return max(differences)

    def _difference(self, found: Tensor) -> float:
        wanted = self.plain.gather(-1, self.top[:, None])[:, 0]
        return float((found.to(wanted.device) - wanted).abs().max())


class _Probe:
    """Runs the hook checks: row l of a batch of equal rows is edited at layer l only."""

    def __init__(self, model: PreTrainedModel, architecture: Architecture) -> None:
        self.model, self.architecture = model, architecture
        row = _sequences(architecture.vocab_size)[0][:_PROBE_TOKENS].to(model.device)
        self.tokens = row[None].expand(architecture.n_layers, -1).contiguous()
        self.states, self.logits = self._run({})
        self._check_finite()
        # Zero, except where kernels add up in varying order.
        self.noise = _distance(self._run({})[1], self.logits)

    def check_stream(self, stream: Stream) -> Capability:
        """Whether `stream` can be captured and edited, and in which layers."""
        every = range(self.architecture.n_layers)
        branches = [] if stream.startswith("resid") else [self.architecture.branch(layer, stream) for layer in every]
        layers = [layer for layer in every if not branches or branches[layer].path is not None]
        missing = "; ".join(sorted({branch.reason for branch in branches if branch.path is None})) or None
        if not layers:
            return Capability(name=stream, is_proven=False, reason=missing, layers=())
        try:
            problem = self._find_problem(stream, layers)
        except Exception as error:  # whatever a foreign model raises is the reason
            problem = _describe(error)
        if problem:
            return Capability(name=stream, is_proven=False, reason=problem, layers=())
        return Capability(name=stream, is_proven=True, reason=missing, layers=tuple(layers))

    def _find_problem(self, stream: Stream, layers: Sequence[int]) -> str | None:
        seen: dict[int, Tensor] = {}

        def capture(layer: int) -> Tap:
            def tap(hidden: Tensor) -> Tensor:
                seen[layer] = hidden.clone()
                return hidden + 0.0

            return tap

        _, logits = self._run({Site(layer, stream): capture(layer) for layer in layers})
        shape = (*self.tokens.shape, self.architecture.d_model)
        for layer in layers:
            if layer not in seen:
                return f"layer {layer}: its module is never called"
            if tuple(seen[layer].shape) != shape:
                return f"layer {layer}: shape {tuple(seen[layer].shape)} instead of {shape}"
        if _distance(logits, self.logits) > self.noise:
            return "a zero edit changes the logits"
        states, logits = self._run({Site(layer, stream): _edit_row(layer, seen[layer]) for layer in layers})
        for layer in layers:
            below = [_distance(states[i][layer], self.states[i][layer]) for i in range(layer)]
            if max(below, default=0.0) > _MOVED * float(self.states[layer][layer].abs().max()):
                return f"layer {layer}: an edit acts below its site"
            is_seen_above = _distance(states[layer][layer], self.states[layer][layer]) > 0
            if not is_seen_above or _distance(logits[layer], self.logits[layer]) <= self.noise:
                return f"layer {layer}: an edit has no effect"
        return None

    def _check_finite(self) -> None:
        """Raise `SubjectError` where plain tokens already overflow, as half precision may."""
        broken = [layer for layer, states in enumerate(self.states) if not bool(torch.isfinite(states).all())]
        if broken or not bool(torch.isfinite(self.logits).all()):
            where = f"activations from layer {broken[0]} on" if broken else "logits"
            raise SubjectError(
                f"the model gives NaN or infinite {where} for {_PROBE_TOKENS} plain tokens in "
                f"{str(self.model.dtype).removeprefix('torch.')}; try --dtype float32, or another revision"
            )
        if all(float(each.max() - each.min()) == 0 for each in self.logits):
            raise SubjectError(
                "the model finds every token equally likely whatever it reads; its output head is zero or constant, so "
                "these are not the weights of a trained model. Download them again, or pick another revision"
            )

    @torch.inference_mode()
    def _run(self, taps: dict[Site, Tap]) -> tuple[list[Tensor], Tensor]:
        """Outputs of all layers, edits included, and the log-probabilities after the last token."""
        states: dict[int, Tensor] = {}

        def keep(layer: int) -> Tap:
            return lambda hidden: states.__setitem__(layer, hidden.clone())

        watch = {Site(layer, "resid_post"): keep(layer) for layer in range(self.architecture.n_layers)}
        with tapped(self.model, self.architecture, taps), tapped(self.model, self.architecture, watch):
            logits = _last_log_probs(self.model, self.architecture, self.tokens)
        return [states[layer] for layer in sorted(states)], logits


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
        return Capability(name=name, is_proven=False, reason=_describe(error))
    if not difference <= tolerance:
        reason = f"log-probabilities differ from the plain forward by {difference:.2g} nats"
        return Capability(name=name, is_proven=False, reason=reason)
    return Capability(name=name, is_proven=True, largest_difference=difference)


def _describe(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    if "conv state" in str(error) or "recurrent state" in str(error):
        return f"its recurrent state cannot be forked ({lines[0]})"
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"


def _sequences(vocab_size: int) -> list[Tensor]:
    """Rows that share prefixes of unequal length and end raggedly; their low ids exist in every vocabulary."""
    n_ids = min(vocab_size, 90)
    heads = ([(7 * i + 3) % n_ids for i in range(9)], [(5 * i + 11) % n_ids for i in range(13)])
    tails = ([8, 2, 9], [4], [6, 3, 1, 7, 5])
    return [
        torch.tensor(head + [token % n_ids for token in tail]) for head in heads for tail in tails[: len(head) // 4]
    ]


def _rows_around(switch: int, vocab_size: int) -> list[Tensor]:
    """Rows that end before, across and behind `switch` tokens, in pairs that share their prefix."""
    n_ids = min(vocab_size, 90)

    def row(prefix: int, tail: int) -> Tensor:
        head = [(7 * i + i // 9 + prefix) % n_ids for i in range(prefix)]
        return torch.tensor(head + [(3 * i + tail) % n_ids for i in range(tail)])

    return [row(*lengths) for lengths in probe_lengths(switch)]


@torch.inference_mode()
def _last_log_probs(model: PreTrainedModel, architecture: Architecture, tokens: Tensor) -> Tensor:
    """Float32 log-probabilities after the last token of each row, shape (batch, vocab)."""
    positions = torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens)
    rows = torch.arange(len(tokens), device=tokens.device)
    with reading_head(model, rows, torch.full_like(rows, tokens.shape[1] - 1)):
        logits = run_model(model, architecture, tokens, positions)
    return logits[0].float().log_softmax(-1)


def _distance(left: Tensor, right: Tensor) -> float:
    return float((left.float() - right.float()).abs().max())
