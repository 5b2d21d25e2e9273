"""Verbs of the kinds of study, written by `python -m tests.regenerate`: change the kinds, not this file.

Every option is a field of a config or request, and is documented there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict, Unpack

from vulnscope.api.carry_out import ask
from vulnscope.kinds.kind import Finished
from vulnscope.records.endpoints import EndpointSpec
from vulnscope.records.patch import PatchRecord


class SubjectOptions(TypedDict, total=False):
    """How the model is opened."""

    revision: str | None
    """branch, tag or commit of a Hub model"""
    dtype: str
    """auto | float32 | bfloat16 | float16"""
    device: str
    """auto | cpu | cuda | cuda:1 | mps"""
    quantize: str | None
    """nf4, or None"""
    adapter: str | None
    """folder or Hub id of a PEFT adapter"""
    trust_remote_code: bool
    """run code that comes with the model"""
    layers_path: str | None
    """path of the decoder layers where the rule cannot decide"""
    endpoint: str | EndpointSpec | None
    """where the model answers, instead of here"""


class CorpusOptions(TypedDict, total=False):
    """How the corpus is loaded."""

    data_dir: str | Path | None
    """Its folder or file, in the published layout."""
    skip_bad: bool
    """Leave malformed rows out, counted and listed."""
    corpus_options: Mapping[str, Any]
    """Options of its loader, e.g. a column map."""


class SelectionOptions(TypedDict, total=False):
    """Which samples are asked, with which prompts."""

    protocol: str
    """a registered protocol"""
    prompts_file: str | None
    """YAML of prompts in place of the protocol's own"""
    prompts: tuple[str, ...]
    """names of the prompts to ask, canonical first; () all"""
    chat: bool | None
    """use the chat template; None: where the tokenizer has one"""
    limit: int | None
    """at most so many samples, whole pairs, drawn by seed"""
    cwes: tuple[str, ...]
    """keep samples with any of these, e.g. CWE-89; () keeps all"""
    parts: tuple[str, ...]
    """keep these parts of the corpus; () keeps all"""
    languages: tuple[str, ...]
    """keep these languages; () keeps all"""
    seed: int
    """of every draw: samples, folds, bootstrap, permutations"""
    n_bootstrap: int
    """bootstrap draws per interval"""
    max_batch_tokens: int | None
    """tokens per call; None: from free memory"""


class PatchOptions(SubjectOptions, CorpusOptions, SelectionOptions, total=False):
    """Everything that `patch` may be asked."""

    layers: tuple[int, ...]
    """layers to patch; () patches all"""
    max_pairs: int
    """at most so many pairs, drawn over groups"""


class PatchResult(Finished[PatchRecord]):
    """A finished patch run: its record and the folder it lies in."""


def patch(
    model: str, corpus: str = "synthetic", *, runs_dir: str | Path = "runs", **options: Unpack[PatchOptions]
) -> PatchResult:
    """Whether `model` uses what differs between twins: activations of one put into the other."""
    return ask("patch", PatchResult, model, corpus, runs_dir, options)
