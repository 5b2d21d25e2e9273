"""Verbs of the kinds of study, written by `python -m tests.regenerate`: change the kinds, not this file.

Every option is a field of a config or request, and is documented there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from vulnscope.api.carry_out import ask
from vulnscope.audit.config import AuditConfig
from vulnscope.audit.requests import AuditResult
from vulnscope.kinds.kind import Finished
from vulnscope.patch.config import PatchConfig
from vulnscope.patch.record import PatchRecord
from vulnscope.probe.config import ProbeConfig
from vulnscope.records.apply import ApplyRecord
from vulnscope.records.endpoints import EndpointSpec
from vulnscope.records.probe import ProbeRecord
from vulnscope.records.steer import SteerRecord
from vulnscope.steer.config import SteerConfig
from vulnscope.study.config import Limits
from vulnscope.study.record import StudyRecord


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
    opened_thought: Literal["close", "refuse", "keep"]
    """a thought that a chat template opens before the answer: close, refuse, or keep it open"""
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


class AuditOptions(SubjectOptions, CorpusOptions, SelectionOptions, total=False):
    """Everything that `audit` may be asked."""

    protocol_options: tuple[tuple[str, str], ...]
    """settings of the protocol itself"""
    preset: str | None
    """a named experiment of the protocol; None: its first, if any"""
    parser: str
    """a registered parser, for answers in words"""
    temperatures: tuple[float, ...]
    """0 is greedy; () takes the preset's, else 0"""
    repeats: int | None
    """answers per prompt and temperature"""
    max_new_tokens: int
    """longest answer in words per turn"""
    max_pairs_shown: int
    """pairs kept for the browser"""
    baseline_corpus: str | None
    """corpus that trains the baselines; None: the train split, else folds over the corpus itself"""
    check_leaks: bool
    """put a leak audit of the whole corpus into the report"""
    background: str | None
    """folder of ordinary source code to raise alarms on"""
    background_limit: int
    """at most so many of its functions, drawn by seed"""
    prevalence: float
    """stated share of vulnerable functions in use"""


def audit(
    model: str, corpus: str = "synthetic", *, runs_dir: str | Path = "runs", **options: Unpack[AuditOptions]
) -> AuditResult:
    """What `model`, opened here or behind `endpoint`, says about `corpus`, measured and reported."""
    return ask("audit", AuditResult, model, corpus, runs_dir, options)


class ProbeOptions(SubjectOptions, CorpusOptions, SelectionOptions, total=False):
    """Everything that `probe` may be asked."""

    layers: tuple[int, ...]
    """layers to read; () reads all"""
    n_folds: int
    """outer folds, over groups"""
    n_inner: int
    """inner folds, over groups of the training part"""
    n_permutations: int
    """within-pair permutations of the whole selection"""
    curve_repeats: int
    """draws of training pairs per point of the learning curve"""
    transfer: tuple[str, ...]
    """corpora to read with what was fitted on this one"""
    reinitialise: bool | None
    """probe a re-initialised model too; None: below 1e9 parameters"""


class ProbeResult(Finished[ProbeRecord]):
    """A finished probe run: its record and the folder it lies in."""


def probe(
    model: str, corpus: str = "synthetic", *, runs_dir: str | Path = "runs", **options: Unpack[ProbeOptions]
) -> ProbeResult:
    """What `model` knows about `corpus`, beside surface rules and what it says."""
    return ask("probe", ProbeResult, model, corpus, runs_dir, options)


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


class StudyOptions(SubjectOptions, CorpusOptions, SelectionOptions, total=False):
    """Everything that `study` may be asked."""

    audit: AuditConfig
    probe: ProbeConfig
    patch: PatchConfig
    steer: SteerConfig
    changes: tuple[str, ...]
    """transformations that keep labels, to see what the answers rest on; () leaves this out"""
    changes_limit: int
    """at most so many samples are changed"""
    limits: Limits
    budget_minutes: float | None
    """samples are cut until the estimated time fits; None: no budget"""


class StudyResult(Finished[StudyRecord]):
    """A finished study run: its record and the folder it lies in."""


class SteerOptions(SubjectOptions, CorpusOptions, SelectionOptions, total=False):
    """Everything that `steer` may be asked."""

    methods: tuple[str, ...]
    """registered methods"""
    layers: str
    """final-3 | thirds | middle | all | best | 4,12,20"""
    layout: Literal["each", "together", "shared"]
    """each layer alone; all at once with a vector each; or one vector, of the middle one, for all"""
    selectors: tuple[str, ...]
    """tokens to edit"""
    operation: Literal["add", "project-out", "clamp", "scale-component"]
    scales: tuple[float, ...]
    """tried beside 0"""
    unit: Literal["norm", "raw"]
    """norm: scales count median activation norms"""
    keep_norm: bool
    """rescale to the norm before (add only)"""
    choose_by: Literal["pair-correct", "auroc"]
    """what the choose split maximises; ties go by the other one"""
    combine: bool
    """also apply the chosen points of all methods at once"""
    gate: bool
    """also gate the best method by a read-out with a chosen threshold"""
    preface: str | None
    """line put before each question: the prompt-only control, and prompt + steering; None: neither"""
    n_controls: int
    """directions of each control"""
    fractions: tuple[float, float, float]
    """fit, choose, report"""
    side_effects: bool
    """measure what the chosen interventions cost elsewhere"""
    ordinary: str | None
    """folder of ordinary code; None: Python's standard library"""
    vector_file: str | None
    """vectors to try beside the methods"""
    is_forced: bool
    """take vectors of another model"""
    gradient_steps: int
    """of the method gradient"""
    gradient_kl_nats: float
    """KL allowed to the method gradient"""
    gradient_norm: float
    """length of the gradient's vector, in norm units"""


class SteerResult(Finished[SteerRecord]):
    """A finished steer run: its record and the folder it lies in."""


def steer(
    model: str, corpus: str = "synthetic", *, runs_dir: str | Path = "runs", **options: Unpack[SteerOptions]
) -> SteerResult:
    """What steering does to `model` on groups of `corpus` that neither fitted nor chose anything."""
    return ask("steer", SteerResult, model, corpus, runs_dir, options)


class ApplyOptions(SubjectOptions, CorpusOptions, SelectionOptions, total=False):
    """Everything that `apply` may be asked."""

    source: str
    """folder with intervention.json, or a vector file"""
    vectors: tuple[str, ...]
    """names or patterns in a vector file; () where it has one"""
    operation: Literal["add", "project-out", "clamp", "scale-component"] | None
    scale: float | None
    """vector file: how far; > 0 towards vulnerable"""
    unit: Literal["norm", "raw"] | None
    """norm: median activation norms"""
    selector: str | None
    """tokens to edit; None: those the vector was read from"""
    keep_norm: bool
    """rescale to the norm before (add only)"""
    is_forced: bool
    """take vectors of another model"""
    n_controls: int
    """directions of each control; 0: none, and no claim"""
    side_effects: bool
    """measure what it costs elsewhere"""
    ordinary: str | None
    """folder of ordinary code; None: Python's standard library"""


class ApplyResult(Finished[ApplyRecord]):
    """A finished apply run: its record and the folder it lies in."""


def apply(
    model: str, corpus: str = "synthetic", *, runs_dir: str | Path = "runs", **options: Unpack[ApplyOptions]
) -> ApplyResult:
    """What a stored intervention, or vectors of a file (`source`), do to the answers of `model` about `corpus`."""
    return ask("apply", ApplyResult, model, corpus, runs_dir, options)
