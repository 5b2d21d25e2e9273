"""Greedy and sampled continuations whose every row is the same whatever rows run beside it.

Sampling adds Gumbel noise from the row's own generator to its scaled logits and takes the largest: an exact draw
from softmax(logits / temperature) (Gumbel-max), independent of the batch. Rows are padded on the left; where the
self-check found padding inexact, rows of equal length run together instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import torch
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList

from vulnscope.errors import InputError, SubjectError
from vulnscope.models.edit.binding import bound_texts, check_texts
from vulnscope.models.forward.forward import generation_inputs
from vulnscope.models.forward.lengths import refresh_rope
from vulnscope.models.forward.prefix import Tokens
from vulnscope.models.read.editing import maybe_edited
from vulnscope.models.subject.selfcheck import BATCH_DECODING, LEFT_PADDING
from vulnscope.models.text.items import TokenText

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor
    from transformers import PreTrainedModel

    from vulnscope.models.answer.prompt_prefixes import PromptPrefixes
    from vulnscope.models.edit.edits import Edit
    from vulnscope.models.subject.subject import Subject

_MOST_ROWS = 32


@dataclass(frozen=True)
class Generation:
    """One continuation: its tokens without the end token, its text, why it ended, and the seed it was drawn with."""

    token_ids: Tokens
    text: str
    is_finished: bool
    seed: int | None


@torch.inference_mode()
def generate(
    subject: Subject,
    prompts: Sequence[Tokens | TokenText],
    max_new_tokens: int,
    temperature: float = 0.0,
    seeds: Sequence[int] | None = None,
    stop: Sequence[str] = (),
    batch_size: int = _MOST_ROWS,
    edits: Sequence[Edit] | None = None,
    prefixes: PromptPrefixes | None = None,
) -> list[Generation]:
    """A continuation of each of `prompts` (token ids or items), greedy at temperature 0, else drawn with `seeds[i]`.

    A row ends at an end token of the subject, after a `stop` string (kept in the text), or after `max_new_tokens`
    (then `is_finished` is False). `edits` are in force while it runs, as are those of an `edited` block around it;
    parameters given per text belong to the prompts in their order. `prefixes` keeps what was read of the prompts for
    the next call on them, and serves it where no edit touches more than their last token. Raises `InputError` where
    seeds are missing, a prompt leaves no room, or `prefixes` are of another subject.
    """
    items = [prompt if isinstance(prompt, TokenText) else TokenText(tuple(prompt)) for prompt in prompts]
    tokens = [item.tokens for item in items]
    _check(subject, tokens, max_new_tokens, temperature, seeds)
    if subject.backend != "hooks":
        raise SubjectError(f"the {subject.backend} backend does not generate; use open_subject without backend=")
    if prefixes is not None and prefixes.subject is not subject:
        raise InputError(f"the prefixes are those of {prefixes.subject.name}, not of {subject.name}; make new ones")
    results: dict[int, Generation] = {}
    with maybe_edited(subject, edits):
        check_texts(subject, items, is_growing=True)
        for rows in _batches(subject, tokens, batch_size, max_new_tokens):
            row_seeds = [seeds[i] for i in rows] if seeds and temperature > 0 else None
            with bound_texts(subject, [items[i] for i in rows], rows):
                new = _run(subject, [tokens[i] for i in rows], max_new_tokens, temperature, row_seeds, stop, prefixes)
            for position, index in enumerate(rows):
                results[index] = _finish(subject, new[position], stop, row_seeds[position] if row_seeds else None)
    return [results[i] for i in range(len(prompts))]


class RowNoise(LogitsProcessor):
    """Gumbel noise per row from a generator of its own, so that the largest logit is a sample."""

    def __init__(self, temperature: float, seeds: Sequence[int]) -> None:
        self.temperature = temperature
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, _: Int[Tensor, "batch seq"], scores: Float[Tensor, "batch vocab"]) -> Any:
        """Scaled and perturbed float32 logits."""
        uniform = torch.stack([torch.rand(scores.shape[-1], generator=g) for g in self.generators])
        tiny = torch.finfo(torch.float32).tiny
        gumbel = -(-uniform.clamp(min=tiny).log()).clamp(min=tiny).log()
        return scores.float() / self.temperature + gumbel.to(scores.device)


def _run(
    subject: Subject,
    prompts: Sequence[Tokens],
    max_new_tokens: int,
    temperature: float,
    seeds: Sequence[int] | None,
    stop: Sequence[str],
    prefixes: PromptPrefixes | None,
) -> list[list[int]]:
    pad = subject.eos_ids[0] if subject.eos_ids else 0
    inputs = generation_inputs(subject.architecture, prompts, subject.device, pad)
    cache = None if prefixes is None else prefixes.fork(prompts, inputs)
    config = GenerationConfig(
        max_new_tokens=max_new_tokens,
        do_sample=False,
        eos_token_id=list(subject.eos_ids) or None,
        pad_token_id=pad,
        stop_strings=list(stop) or None,
    )
    if cache is None:
        refresh_rope(subject.model)
    with _without_defaults(subject.model):
        output: Tensor = subject.model.generate(  # type: ignore[operator]  # mypy takes it for a submodule
            generation_config=config,
            logits_processor=LogitsProcessorList([RowNoise(temperature, seeds)] if seeds else []),
            tokenizer=subject.tokenizer if stop else None,
            **({} if cache is None else {"past_key_values": cache}),
            **inputs,
        )
    return [list(row) for row in output[:, inputs["inputs"].shape[1] :].tolist()]


@contextmanager
def _without_defaults(model: PreTrainedModel) -> Iterator[None]:
    """Without the decoding settings that come with `model`, which `generate` fills in for all that a call leaves open.

    Penalties, beams, forced, suppressed and shortest tokens: "greedy" would mean something else for every model.
    """
    own, model.generation_config = model.generation_config, GenerationConfig()
    try:
        yield
    finally:
        model.generation_config = own


def _finish(subject: Subject, tokens: list[int], stop: Sequence[str], seed: int | None) -> Generation:
    """Cut one row after its end: the model pads rows that ended before the longest one."""
    end = next((i for i, token in enumerate(tokens) if token in subject.eos_ids), None)
    kept, text = tokens[:end], _decode(subject, tokens[:end])
    is_stopped = any(string in text for string in stop)
    if is_stopped:
        n_kept = next(
            n for n in range(1, len(kept) + 1) if any(string in _decode(subject, kept[:n]) for string in stop)
        )
        kept, text = kept[:n_kept], _decode(subject, kept[:n_kept])
    return Generation(tuple(kept), text, is_stopped or end is not None, seed)


def _decode(subject: Subject, tokens: list[int]) -> str:
    return str(subject.tokenizer.decode(tokens, skip_special_tokens=False))


def _batches(subject: Subject, prompts: Sequence[Tokens], size: int, max_new_tokens: int) -> list[list[int]]:
    """Prompt numbers sorted by length, in batches; of one length each where padding is not exact, or of one row."""
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    trusted = subject.trusted(max(map(len, prompts), default=0) + max_new_tokens)
    if not trusted.has(BATCH_DECODING):
        return [[number] for number in order]
    groups = [order]
    if not trusted.has(LEFT_PADDING):
        groups = [list(same) for _, same in groupby(order, key=lambda i: len(prompts[i]))]
    return [group[start : start + size] for group in groups for start in range(0, len(group), size)]


def _check(
    subject: Subject,
    prompts: Sequence[Tokens],
    max_new_tokens: int,
    temperature: float,
    seeds: Sequence[int] | None,
) -> None:
    if temperature < 0 or (temperature > 0 and (seeds is None or len(seeds) != len(prompts))):
        raise InputError(f"temperature {temperature} needs to be 0, or above it with one seed per prompt")
    for number, prompt in enumerate(prompts):
        if not prompt:
            raise InputError(f"prompt {number} is empty; it needs at least one token")
        limit = subject.max_positions
        if limit is not None and len(prompt) + max_new_tokens > limit:
            raise InputError(
                f"prompt {number} has {len(prompt)} tokens; with {max_new_tokens} new ones it exceeds the {limit} that "
                f"{subject.name} reads. Cut the prompt or ask for fewer tokens"
            )
