"""The result of `vulnscope audit`: what the model says, with controls and intervals."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vulnscope.records.answers import AnswerFigures, MarginKind
from vulnscope.records.base import Estimate, NotMeasured, Number, Quantity, Record, RunRecord
from vulnscope.records.figures import Background, Classification, PromptGrid, ReadOutAgreement, Robustness
from vulnscope.records.leaks import LeakRecord
from vulnscope.records.rows import Says, Truncation

APART_LEVEL = 0.01
"""Corrected p up to which a slice is named: with the verdict, under 6.5 % of studies may claim something false."""


class SubjectInfo(Record):
    """The model under study, as far as a reader needs it to reproduce."""

    name: str
    revision: str | None
    subject_digest: str = Field(description="over weights, tokenizer, adapter and quantisation")
    architecture: str
    n_layers: int | None = Field(description="None where the weights are not at hand")
    d_model: int | None
    n_parameters: int | None
    dtype: str
    device: str
    quantization: str | None = None
    adapter: str | None = None
    chat_template: bool
    prompt_notes: tuple[str, ...] = Field(default=(), description="what was done to its prompts, a sentence each")
    switched_off: tuple[str, ...] = Field(default=(), description="features the self-check refused, with reasons")
    noise_floor_nats: Number = Field(description="largest margin change under another batch plan")


class CorpusInfo(Record):
    """The data under study."""

    name: str
    version: str
    corpus_digest: str
    n_samples: int
    n_pairs: int
    n_groups: int
    n_effective_groups: float | None = Field(
        default=None, description="groups of one size that would say as much; None in results of earlier versions"
    )
    largest_group_share: float | None = Field(default=None, description="of the samples")
    unranked_share: float | None = Field(
        default=None, description="of the labelled samples, in strata without both labels in different groups: no AUROC"
    )
    grouping: str = Field(description="in words, e.g. 'by pair (claims about these templates)'")
    licence: str
    problems: tuple[str, ...] = Field(default=(), description="what is odd about it, one sentence each")
    bad_rows: tuple[str, ...] = ()


class PairCells(Record):
    """Shares of pairs; they sum to 1."""

    both_right: float = Field(ge=0, le=1, description="P-C")
    both_vulnerable: float = Field(ge=0, le=1, description="P-V")
    both_fixed: float = Field(ge=0, le=1, description="P-B")
    both_wrong: float = Field(ge=0, le=1, description="P-R")
    unparsed: float = Field(ge=0, le=1)


class Baseline(Record):
    """A rule that reads no model, on the same items."""

    name: str = Field(description="always-yes | length | character 3-5-grams | ...")
    trained_on: str | None = Field(default=None, description="corpus and split, for trained baselines")
    auroc: Estimate
    pair_rank: Estimate
    pair_correct: Number


class Slice(Record):
    """Every "Say" figure for one subset of the corpus."""

    kind: Literal["all", "corpus", "part", "cwe", "language", "difficulty", "augmentation", "split", "cut"]
    value: str
    n_samples: int
    n_pairs: int
    n_groups: int
    yes_rate: Estimate = Field(
        description="share of all answers that say vulnerable; in results of earlier versions of the parsed ones"
    )
    unparsed_rate: Estimate
    accuracy: Estimate = Field(description="unparsed counts as wrong")
    auroc: Estimate = Field(description="of the vulnerable margin between groups, within CWE and language")
    unranked_share: float | None = Field(
        default=None,
        description="of the samples, alone in their stratum: no AUROC; None in results of earlier versions",
    )
    d_a: Quantity
    pair_rank: Estimate
    pair_rank_p: Number = Field(description="swap of labels within pairs, against 1/2")
    mean_margin_auroc: Estimate = Field(description="AUROC of the margin averaged over prompts")
    hit_rate: Number = Field(description="of the parsed, like the three below")
    false_alarm_rate: Number
    d_prime: Quantity
    criterion: Quantity
    pair_cells: PairCells | None
    pair_correct: Estimate
    pair_correct_chance: Number = Field(description="y(1-y) at the model's own yes-rate; unparsed never right")
    pair_correct_p: Number = Field(description="P-C against P-R, labels swapped within pairs")
    pair_rank_p_corrected: Number = Field(description="corrected over the slices of this kind")
    pair_correct_p_corrected: Number = Field(description="corrected over the slices of this kind")
    correction: str = Field(description="none | Holm over 9 | Benjamini-Hochberg over 40")
    yes_rate_apart_p: Number = Field(
        default=NotMeasured(reason="not tested"),
        description="yes-rate of this slice against the rest, corrected by Holm over all slices and both figures",
    )
    auroc_apart_p: Number = Field(default=NotMeasured(reason="not tested"), description="the same of the AUROC")
    detectable_auroc: Number = Field(description="smallest AUROC - 1/2 this n could have shown (80 % power, 5 %)")
    acquiescence_mean: Quantity
    label_mass_mean: Number
    baselines: tuple[Baseline, ...]

    @property
    def is_apart_in_yes_rate(self) -> bool:
        """Whether it is called vulnerable more or less often than the rest."""
        return isinstance(self.yes_rate_apart_p, float) and self.yes_rate_apart_p <= APART_LEVEL

    @property
    def is_apart_in_auroc(self) -> bool:
        """Whether it is ranked better or worse than the rest."""
        return isinstance(self.auroc_apart_p, float) and self.auroc_apart_p <= APART_LEVEL


class PairView(Record):
    """One pair as the browser shows it."""

    pair: str
    cwe: str
    language: str
    vulnerable_code: str
    fixed_code: str
    vulnerable_margin: float
    fixed_margin: float
    vulnerable_says: Says
    fixed_says: Says
    log_odds: tuple[float | None, float | None] = Field(
        default=(None, None), description="nats, that decided what is said of the two; None where none did"
    )
    cut: Truncation | None = None
    notes: tuple[str, ...] = ()


class Point(Record):
    """One sample in the margin plots."""

    sample: str
    label: Literal["vulnerable", "fixed"]
    cwe: str
    margin: float
    acquiescence: float | None = Field(description="None where asked in one direction only")
    says: Says
    log_odds: float | None = Field(default=None, description="nats, that decided what is said")


class LeftOut(Record):
    """Samples that are not in the figures."""

    reason: str
    n: int
    examples: tuple[str, ...] = ()


class AuditRecord(RunRecord):
    """Everything the report, the terminal and `--json` show. No figure is computed after this."""

    schema_version: Literal[1] = 1
    sentence: str = Field(description="the verdict in one sentence")
    subject: SubjectInfo
    corpus: CorpusInfo
    protocol: str
    prompts: tuple[str, ...]
    canonical_prompt: str = Field(description="the canonical prompt rendered around an ellipsis")
    intervention: str = "none"
    readout: MarginKind = Field(
        default="log-odds", description="what margins are: nats, or votes of +1 and -1 where answers are in words"
    )
    answers: AnswerFigures | None = Field(default=None, description="figures per prompt, where answers are in words")
    overall: Slice
    slices: tuple[Slice, ...]
    classification: Classification | None = None
    read_outs: ReadOutAgreement | None = Field(default=None, description="None where only one read-out was taken")
    prompt_grid: PromptGrid | None = Field(default=None, description="None with one prompt")
    robustness: Robustness | None = Field(default=None, description="None without changed code")
    background: Background | None = Field(default=None, description="None where no ordinary code was given")
    leaks: LeakRecord | None = Field(default=None, description="None where no leak audit was asked for")
    points: tuple[Point, ...]
    pairs: tuple[PairView, ...] = Field(description="shown pairs, at most the configured number")
    n_pairs_not_shown: int
    left_out: tuple[LeftOut, ...]


class AuditRecords(Record):
    """Several results, as where a table holds the answers of several models."""

    records: tuple[AuditRecord, ...]


class AuditForecast(Record):
    """What an audit would ask and need, before anything is asked for good."""

    n_samples: int
    n_pairs: int
    n_groups: int
    n_left_out: int
    n_background: int = Field(default=0, description="ordinary functions asked about besides")
    n_cut: int = Field(description="over-long samples that would be shortened")
    n_prompts: int
    n_batches: int
    n_tokens: int = Field(description="of all prompts, each counted alone")
    n_distinct_tokens: int = Field(description="left when shared prefixes are counted once")
    seconds: Number = Field(description="from one batch of middling length, timed; without the measures")
    memory_bytes: int = Field(description="weights, caches and activations of the longest call")
    disk_bytes: int = Field(description="rows of the run folder; the report comes on top")
    n_new_tokens: int = Field(default=0, description="tokens that written answers may have at most")
    cost: Number | None = Field(default=None, description="of an endpoint with stated prices, in their currency")
    left_out: tuple[LeftOut, ...]
    config: dict[str, object] = Field(description="resolved config")
