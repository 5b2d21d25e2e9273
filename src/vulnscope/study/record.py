"""The result of `vulnscope study`: what the model says, what it knows, what closes the gap, and one diagnosis."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vulnscope.patch.record import PatchRecord
from vulnscope.records.audit import AuditRecord, CorpusInfo, SubjectInfo
from vulnscope.records.base import Estimate, Number, Record, RunRecord, not_measured
from vulnscope.records.probe import Claim, ProbeRecord
from vulnscope.records.rows import Says
from vulnscope.records.steer import SteerRecord
from vulnscope.records.subject import MemoryEstimate

Diagnosis = Literal[
    "says it",
    "knows, says it with a bias",
    "answers the opposite",
    "knows, does not say it",
    "says it for the wrong reason",
    "blind",
    "cannot tell",
]


class ChangeEvidence(Record):
    """How well the answer ranks the same samples before and after a change that keeps their label."""

    kind: str = Field(description="transformation, e.g. strip-comments")
    n: int = Field(ge=0, description="changed samples")
    before: Estimate = Field(description="AUROC of the zero-shot margin on the originals")
    after: Estimate
    lost: Estimate = Field(description="before minus after, on the same samples")


class SliceApart(Record):
    """A CWE or language that differs from the rest, beyond what as many slices show by chance."""

    kind: Literal["cwe", "language"]
    value: str
    figure: Literal["yes-rate", "says"]
    own: Estimate
    overall: Estimate
    p: float = Field(description="corrected over all slices and both figures")


_OLD = not_measured("an earlier version did not measure it")


class Evidence(Record):
    """All that the diagnosis rests on."""

    says: Estimate = Field(description="AUROC of the zero-shot margin")
    says_given_surface: Estimate = Field(default=_OLD, description="the same with the size of the code taken out")
    pair_rank: Estimate = Field(default=_OLD, description="of the zero-shot margin")
    yes_rate: Estimate
    accuracy: Estimate = Field(description="balanced accuracy of the greedy answers")
    threshold_accuracy: Estimate = Field(description="balanced accuracy of a threshold chosen on other groups")
    threshold_gain: Estimate = Field(description="the latter minus the former, on the same samples")
    threshold: Number = Field(description="nats, median over folds")
    probe: Estimate = Field(description="AUROC, out of group")
    baseline: Estimate = Field(description="AUROC of the surface rule that did best on the other folds, fold by fold")
    baseline_name: str = Field(description="of the rule that most folds took")
    over_baseline: Estimate = Field(description="probe minus that rule")
    decodable: Claim
    gap: Estimate = Field(description="probe minus the fitted read-out on the label logits of all prompts")
    detectable: Number = Field(description="smallest difference in AUROC these groups could have shown")
    changes: tuple[ChangeEvidence, ...] = ()
    apart: tuple[SliceApart, ...] = Field(default=(), description="slices that differ from the rest")


class Verdict(Record):
    """A diagnosis with its reasons, in the order they were weighed."""

    diagnosis: Diagnosis
    reasons: tuple[str, ...]


class TwinsUnder(Record):
    """What was said of the two twins of one pair, vulnerable first."""

    name: str = Field(description="intervention")
    margins: tuple[float, float] = Field(description="nats, positive towards vulnerable")
    says: tuple[Says, Says]


class FlippedTwins(Record):
    """A pair of which some intervention changed a verdict, on the groups that report."""

    pair: str
    cwe: str
    language: str
    before: TwinsUnder = Field(description="un-steered")
    after: tuple[TwinsUnder, ...] = Field(description="interventions that changed a verdict, in the table's order")
    code: tuple[str, str] | None = Field(description="vulnerable and fixed twin; None where only figures are kept")


class FlipCount(Record):
    """How many pairs one intervention changed."""

    name: str
    n_mended: int = Field(ge=0, description="pairs wrong before and right after")
    n_broken: int = Field(ge=0, description="pairs right before and wrong after")
    n_other: int = Field(ge=0, description="pairs wrong before and after, in another way")


class StudyRecord(RunRecord):
    """Everything the report, the terminal and `--json` show. No figure is computed after this."""

    schema_version: Literal[1] = 1
    sentence: str
    verdict: Verdict
    evidence: Evidence
    subject: SubjectInfo
    corpus: CorpusInfo
    audit: AuditRecord
    probe: ProbeRecord
    patch: PatchRecord
    steer: SteerRecord
    flip_counts: tuple[FlipCount, ...] = ()
    flips: tuple[FlippedTwins, ...] = Field(default=(), description="mended first, then broken, then others")
    notes: tuple[str, ...] = Field(description="what was left out or cut short, and why")


class StageForecast(Record):
    """What one stage of a study would take."""

    stage: str = Field(description="audit | changes | probe | patch | steer")
    n_rows: int = Field(ge=0, description="prompts the model reads or reruns")
    n_tokens: int = Field(ge=0, description="tokens of these, after sharing")
    model_seconds: float = Field(ge=0, description="estimated from shapes")
    statistics_seconds: float = Field(ge=0, description="fits, permutations and intervals, estimated from shapes")
    disk_bytes: int = Field(ge=0)


class StudyForecast(Record):
    """What a study would take, for `--dry-run`: from the config of its model, without weights."""

    schema_version: Literal[1] = 1
    model: str
    architecture: str
    n_layers: int
    n_parameters: int
    dtype: str
    device: str
    quantization: str | None
    corpus: str
    n_samples: int
    n_pairs: int
    n_groups: int
    memory: MemoryEstimate = Field(description="weights, and the largest forward call")
    second_model_bytes: int = Field(ge=0, description="weights of the re-initialised model; 0 without one")
    read_activations_bytes: int = Field(ge=0, description="pooled activations held for fitting")
    memory_bytes: int = Field(ge=0, description="all of these")
    stages: tuple[StageForecast, ...]
    seconds: float = Field(ge=0, description="of all stages, estimated from shapes, not measured")
    disk_bytes: int = Field(ge=0)
    rests_on: tuple[str, ...] = Field(description="assumptions behind the figures")
    config: dict[str, object]
