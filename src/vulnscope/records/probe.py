"""The result of `vulnscope probe`: what the model knows, beside every surface rule and beside what it says."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from vulnscope.records.audit import CorpusInfo, LeftOut, SubjectInfo
from vulnscope.records.base import Estimate, Number, Record, RunRecord, read_old_names

Claim = Literal["yes", "no", "cannot tell"]


class ProbeScore(Record):
    """One way to read the label out, on the same held-out items as all others."""

    name: str
    kind: Literal["probe", "baseline", "say", "control"]
    auroc: Estimate = Field(description="held-out, stratified by CWE and language")
    pair_rank: Estimate
    behind: Estimate | None = Field(default=None, description="AUROC of the probe minus this one, on the same items")
    chosen: tuple[str, ...] = Field(default=(), description="what each outer fold chose")


class Cell(Record):
    """One layer and pooling, with only the penalty chosen inside the training part."""

    layer: int = Field(ge=-1, description="-1 is the embedding")
    pooling: str
    is_oracle: bool = Field(description="reads tokens that only someone with the fix can point at")
    method: str
    auroc: Estimate


class Null(Record):
    """Labels swapped within pairs, whole groups at a time, and the whole selection repeated."""

    n_permutations: int = Field(ge=1)
    p: Number = Field(description="(1 + k)/(1 + n)")
    mean_auroc: Number
    highest_auroc: Number


class LengthControl(Record):
    """Held-out pairs weighted until the length rule reads 1/2."""

    auroc: Estimate = Field(description="of the probe under these weights")
    length_auroc: Number = Field(description="of the rule 'shorter is vulnerable', unweighted")
    effective_pairs: Number = Field(description="(sum of weights)² / sum of squares")


class Part(Record):
    """One part left out of training, such as a CWE."""

    name: str
    n_pairs: int
    n_groups: int
    auroc: Estimate


class Generality(Record):
    """The same read-outs where whole parts of the corpus are unseen in training."""

    kind: Literal["cwe", "template"]
    n_parts: int
    probe: Estimate
    baseline: str = Field(description="the best surface rule under these folds")
    baseline_auroc: Estimate
    difference: Estimate = Field(description="probe minus that rule")
    p: Number = Field(description="twins swapped within groups, pair-rank against 1/2")
    general: Claim
    parts: tuple[Part, ...]

    @model_validator(mode="before")
    @classmethod
    def _read_old_names(cls, fields: Any) -> Any:
        return read_old_names(fields, general="is_general")


class CurvePoint(Record):
    """AUROC of read-outs trained on so many pairs."""

    n_pairs: int
    auroc: float
    lowest: float = Field(description="over the repeats")
    highest: float
    n_repeats: int


class HeldOut(Record):
    """One item as each rule scored it, out of group; higher leans to vulnerable, and no two rules share a unit."""

    sample: str
    probe: float
    baseline: float = Field(description="of the surface rule that did best on other folds")
    logits: float = Field(description="of the read-out fitted on the label logits of all prompts")


class LensLayer(Record):
    """The verdict read straight from one layer through the model's own head."""

    layer: int
    auroc: Estimate
    mean_margin: float = Field(description="nats; how far the layer leans to vulnerable")


class Transfer(Record):
    """Fitted on the whole corpus, read on another."""

    corpus: CorpusInfo
    probe: Estimate
    chosen: str
    baseline: str
    baseline_auroc: Estimate
    difference: Estimate


class TypeTarget(Record):
    """Which CWE it is, as a second target: one against the rest, macro-averaged AUROC."""

    classes: tuple[str, ...]
    left_out: tuple[str, ...] = Field(description="CWEs in too few groups to be learned and measured")
    probe: Estimate
    chosen: tuple[str, ...]
    baseline: str
    baseline_auroc: Estimate


class Oracle(Record):
    """A read-out that is shown where the change is; never enough for 'knows'."""

    name: str
    n_items: int
    probe: Estimate
    baseline: str
    baseline_auroc: Estimate
    difference: Estimate


class ProbeRecord(RunRecord):
    """Everything the report, the terminal and `--json` show. No figure is computed after this."""

    schema_version: Literal[1] = 1
    sentence: str
    subject: SubjectInfo
    corpus: CorpusInfo
    protocol: str
    prompts: tuple[str, ...]
    decodable: Claim
    n_items: int = Field(description="items measured: whole ones, since a cut around the change is an oracle")
    probe: ProbeScore
    baselines: tuple[ProbeScore, ...]
    controls: tuple[ProbeScore, ...]
    best_baseline: str = Field(description="did best on the other folds of most folds")
    best_rule: ProbeScore | None = Field(
        default=None,
        description="each fold under the baseline that did best on the others; None in results of earlier versions",
    )
    difference: Estimate = Field(description="probe minus best rule; of earlier versions, minus the best afterwards")
    detectable_difference: Number = Field(description="smallest difference these groups could have shown")
    null: Null
    says: tuple[ProbeScore, ...] = Field(description="the zero-shot margin, and the logistic read-out on label logits")
    gap: Estimate = Field(description="AUROC of the probe minus that of the read-out on label logits")
    length_control: LengthControl
    cells: tuple[Cell, ...]
    lens: tuple[LensLayer, ...] | None
    lens_reason: str | None = Field(default=None, description="why there is no lens")
    generality: tuple[Generality, ...]
    oracle: tuple[Oracle, ...]
    learning_curve: tuple[CurvePoint, ...]
    cwe_type: TypeTarget | None
    transfers: tuple[Transfer, ...]
    held_out: tuple[HeldOut, ...] = Field(default=(), description="scores behind the figures, item by item")
    notes: tuple[str, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def leading_rule(self) -> ProbeScore:
        """The surface rule that the probe is held against."""
        return self.best_rule or next(each for each in self.baselines if each.name == self.best_baseline)

    @model_validator(mode="before")
    @classmethod
    def _read_old_names(cls, fields: Any) -> Any:
        return read_old_names(fields, decodable="is_decodable")
