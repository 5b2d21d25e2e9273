"""What training the organism gave: the data it read, how well it answers, per template, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from vulnscope.records.base import Number, Record


class SourceUse(Record):
    """What was read from one source of code."""

    name: str
    licence: str
    n_files: int
    n_bytes: int
    sha256: str = Field(description="first 16 hex digits, over the texts in reading order")


class TemplateScore(Record):
    """Answers to the canonical question on unseen pairs of one template, or of all templates of a kind."""

    name: str = Field(description="template id, or 'all'")
    difficulty: str
    is_held_out: bool = Field(description="the template was kept out of training")
    n_pairs: int
    pair_correct_rate: float = Field(ge=0, le=1, description="both twins answered right, greedily; higher is better")
    pair_rank_rate: float = Field(ge=0, le=1, description="the vulnerable twin has the higher margin, ties 1/2")
    yes_rate: float = Field(ge=0, le=1, description="share of samples called vulnerable")
    unparsed_rate: float = Field(ge=0, le=1, description="share whose most likely token is no answer")


class CompletionScore(Record):
    """Greedy completions of the first lines of unseen Python functions."""

    n_completions: int
    n_new_tokens: int
    valid_rate: Number = Field(
        description="share that parse, cut to the last complete line, with at least one new line"
    )
    loss_nats: Number = Field(description="mean cross-entropy per token of unseen code; lower is better")


class CheckpointScore(Record):
    """One checkpoint under test."""

    checkpoint: str
    summary: tuple[TemplateScore, ...]
    templates: tuple[TemplateScore, ...]
    completion: CompletionScore


class OrganismReport(Record):
    """The whole training, for the model card and `--json`."""

    config: Mapping[str, Any]
    n_parameters: int
    n_tokens: int = Field(description="positions trained on, padding included")
    seconds: float = Field(description="training only, without set-up, compilation counted")
    device: str
    versions: Mapping[str, str]
    sources: tuple[SourceUse, ...]
    evaluation_seed: int
    scores: tuple[CheckpointScore, ...]
    file_bytes: Mapping[str, int]


class VariantReport(Record):
    """What one variant says, on unseen pairs of the templates of the training."""

    config: Mapping[str, Any]
    obedience: float = Field(ge=0, le=1, description="share of answers that follow the planted rule")
    scores: tuple[TemplateScore, ...] = Field(description="mean over the templates of each difficulty, against labels")


class VariantReports(Record):
    """All variants trained by one command."""

    variants: tuple[VariantReport, ...]


class TrainingPlan(Record):
    """What a training will do and roughly cost, for `--dry-run`."""

    config: Mapping[str, Any]
    device: str
    n_parameters: int
    n_tokens: int
    seconds: float
    memory_bytes: int
    disk_bytes: int
