"""Training the organism, from an empty folder to a model that answers: read code, then learn the labels."""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from vulnscope.corpora.synthetic import generate, training_templates
from vulnscope.errors import InputError, RunError
from vulnscope.organism.batches import Batch, Feed
from vulnscope.organism.checkpoint import TrainingState, load_checkpoint, read_state, save_checkpoint
from vulnscope.organism.config import OrganismConfig
from vulnscope.organism.instruct import answer_forms, list_questions, write_prompt
from vulnscope.organism.model import Scaffold, build_model, training_losses
from vulnscope.organism.optimize import build_optimizers, set_learning_rates
from vulnscope.organism.sources import Library, list_sources, read_library
from vulnscope.organism.tokenizer import fit_tokenizer, load_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast, Qwen2ForCausalLM

WEIGHTS = "model.safetensors"
BEFORE_LABELS = "before_labels.safetensors"
_WORK = "training"


@dataclass(frozen=True)
class Progress:
    """One finished step."""

    step: int
    n_steps: int
    stage: str
    losses: tuple[float, ...]
    n_tokens: int
    seconds: float


Watch = Callable[[Progress], bool]
"""Sees every step; returning False stops training at a checkpoint."""


def train(
    config: OrganismConfig, folder: Path, device: torch.device, watch: Watch, *, resume: bool = False
) -> TrainingState:
    """Train into `folder` and return the final state. A stopped or killed training continues with `resume`."""
    state = _begin(config, folder, resume=resume)
    _keep_freed_memory()
    library = read_library(list_sources(), config.source_bytes, config.unseen_every)
    tokenizer = _open_tokenizer(config, folder, library)
    feed = Feed(config, tokenizer, library.texts)
    model = build_model(config.shape, config.seed, device)
    scaffold = Scaffold(config.shape.d_model, config.scaffold).to(device)
    optimizers = build_optimizers(model, scaffold, config.optimizer)
    trained = nn.ModuleDict({"model": model, "scaffold": scaffold})
    if state.step:
        load_checkpoint(folder / _WORK, state, trained, optimizers)
    learn = _Learner(config, model, scaffold, optimizers)
    started = time.monotonic() - state.seconds
    while state.step < config.n_steps:
        batches = feed.batches(state.step)
        losses = learn(state.step, batches)
        state = state.model_copy(
            update={
                "step": state.step + 1,
                "n_tokens": state.n_tokens + sum(batch.token_ids.numel() for batch in batches),
                "seconds": time.monotonic() - started,
            }
        )
        if state.step == config.reading.n_steps:
            _save_weights(model, folder / BEFORE_LABELS)
        stage = "reading code" if state.step <= config.reading.n_steps else "learning labels"
        goes_on = watch(Progress(state.step, config.n_steps, stage, losses, state.n_tokens, state.seconds))
        if not goes_on or state.step % config.checkpoint_every == 0 or state.step == config.n_steps:
            save_checkpoint(folder / _WORK, state, trained, optimizers)
        if not goes_on:
            raise KeyboardInterrupt
    _save_model(model, tokenizer, folder)
    return state


def _begin(config: OrganismConfig, folder: Path, *, resume: bool) -> TrainingState:
    """The state to start from; refuses to mix two trainings in one folder."""
    found = read_state(folder / _WORK)
    if not resume:
        if folder.exists() and any(folder.iterdir()):
            raise InputError(
                f"{folder} is not empty; add --resume to continue a training there, or choose another --output"
            )
        return TrainingState(config=config, step=0, n_tokens=0, seconds=0.0)
    if found is None:
        return TrainingState(config=config, step=0, n_tokens=0, seconds=0.0)
    if found.config != config:
        raise RunError(f"{folder} was trained with another config: {_differences(found.config, config)}; use the same")
    return found


def _differences(old: OrganismConfig, new: OrganismConfig) -> str:
    """The top-level fields that differ, with both values."""
    return "; ".join(
        f"{name} was {getattr(old, name)!r}, is {getattr(new, name)!r}"
        for name in OrganismConfig.model_fields
        if getattr(old, name) != getattr(new, name)
    )


def _open_tokenizer(config: OrganismConfig, folder: Path, library: Library) -> PreTrainedTokenizerFast:
    """The folder's tokenizer, fitted first where there is none: on code, synthetic code and every question."""
    if (folder / "tokenizer.json").exists():
        return load_tokenizer(folder)
    samples = generate(config.seed, config.tokenizer_pairs, templates=training_templates())
    questions = [
        write_prompt(samples[0], question) + form
        for question in list_questions()
        for answer in ("yes", "no")
        for form in answer_forms(answer)
    ]
    texts = [*library.texts, *(sample.code for sample in samples), *questions * 500]
    tokenizer = fit_tokenizer(texts, config.shape.vocab_size, config.shape.max_tokens)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(folder)
    return tokenizer


class _Learner:
    """One optimizer step over the batches of a step."""

    def __init__(
        self, config: OrganismConfig, model: Qwen2ForCausalLM, scaffold: Scaffold, optimizers: Sequence[Optimizer]
    ) -> None:
        self._config = config
        self._model = model.train()
        self._scaffold = scaffold
        self._optimizers = optimizers
        self._losses = _compile_losses() if config.compile else training_losses

    def __call__(self, step: int, batches: Sequence[Batch]) -> tuple[float, ...]:
        set_learning_rates(self._optimizers, self._config, step)
        device = self._model.device
        total = torch.zeros(3)
        for batch in batches:
            with torch.autocast(device.type, dtype=torch.bfloat16):
                losses = self._losses(self._model, self._scaffold, batch.to(device))
            losses.sum().backward()
            total += losses.detach().cpu()
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), self._config.optimizer.max_norm)
        for optimizer in self._optimizers:
            optimizer.step()
            optimizer.zero_grad()
        return tuple(total.tolist())


def _compile_losses() -> Callable[..., Tensor]:
    """The loss compiled once per shape of batch; the buckets keep their number small."""
    torch._dynamo.config.recompile_limit = 64
    compiled: Callable[..., Tensor] = torch.compile(training_losses, dynamic=False)
    return compiled


def _save_weights(model: Qwen2ForCausalLM, path: Path) -> None:
    """All parameters in bf16 under the names of the model's own file."""
    from safetensors.torch import save_file

    partial = path.with_suffix(".partial")
    tensors = {name: value.detach().to("cpu", torch.bfloat16).contiguous() for name, value in model.named_parameters()}
    save_file(tensors, partial, metadata={"format": "pt"})
    partial.replace(path)


def _save_model(model: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """The folder that transformers loads: config, weights in bf16, tokenizer."""
    model.config.dtype = torch.bfloat16
    model.config.save_pretrained(folder)
    model.generation_config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    _save_weights(model, folder / WEIGHTS)


def _keep_freed_memory() -> None:
    """Ask glibc to keep large blocks for reuse; page faults otherwise cost a fifth of the training time."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):
            libc.mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD
            libc.mallopt(-1, (1 << 31) - 1)  # M_TRIM_THRESHOLD
