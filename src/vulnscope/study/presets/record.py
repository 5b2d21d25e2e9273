"""The result of a preset that repeats earlier experiments: every setting as written and done right, in one table."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from vulnscope.records.audit import CorpusInfo, LeftOut, SubjectInfo
from vulnscope.records.base import Estimate, NotMeasured, Number, Record, RunRecord

_UNTESTED = NotMeasured(reason="not steered")


class Said(Record):
    """What the keyword parser reads from answers of one length."""

    vulnerable_right: Estimate = Field(description="share of vulnerable samples called vulnerable")
    fixed_right: Estimate = Field(description="share of fixed samples called fixed")
    pair_correct: Estimate = Field(description="share of pairs with both twins right")
    n_unparsed: int = Field(ge=0, description="empty answers")
    n_changed_answers: int = Field(ge=0, description="answers whose text differs from the un-steered one")
    n_changed_verdicts: int = Field(ge=0, description="answers parsed to another verdict than the un-steered one")


class Judged(Record):
    """What the default protocol says of the same edit: margins in nats, positive towards vulnerable."""

    yes_rate: Estimate = Field(description="share of samples called vulnerable")
    auroc: Estimate = Field(description="sensitivity of the margin, within CWE and language")
    pair_rank: Estimate = Field(description="share of pairs whose vulnerable twin has the higher margin")
    pair_rank_p: Number = Field(default=_UNTESTED, description="of its change against the un-steered run, by groups")
    pair_rank_p_corrected: Number = Field(default=_UNTESTED, description="over all settings that steer")
    bias_shift_nats: Number = Field(description="mean change of the margin against the un-steered run")


class ReproducedRow(Record):
    """One setting; without steering `indexing` is `none` and no layer is edited."""

    prompt: str
    indexing: str
    layers_asked: str = ""
    layers: tuple[int, ...] = Field(default=(), description="edited; those asked for, clamped to what the model has")
    is_normalised: bool = Field(default=False, description="vectors scaled to length 1 before the scale")
    scale: float = Field(default=0.0, description="raw: multiplies the vector")
    n_steered: int = Field(default=0, ge=0, description="samples whose activations the indexing edits at all")
    first_token: Said
    whole_answer: Said
    default: Judged


class ModelMemory(Record):
    """Bytes that a model takes, from its config alone."""

    name: str
    n_parameters: int = Field(ge=1)
    bf16_bytes: int = Field(ge=1, description="weights in bfloat16")
    nf4_bytes: int = Field(ge=1, description="weights with decoder layers in 4 bits, doubly quantised")
    batch: int = Field(ge=1)
    length: int = Field(ge=1, description="tokens per row")
    forward_bytes: int = Field(ge=1, description="cache, activations and logits of one batch in bfloat16")


class ReproductionRecord(RunRecord):
    """All settings of a preset on one subject and corpus."""

    schema_version: int = 1
    kind: str = "reproduction"
    preset: str
    sentence: str
    subject: SubjectInfo
    corpus: CorpusInfo
    samples: tuple[str, ...]
    indexings: Mapping[str, str] = Field(description="what each indexing edits")
    rows: tuple[ReproducedRow, ...]
    correction: str = Field(default="none", description="of p over the settings that steer")
    memory: tuple[ModelMemory, ...] = Field(description="of the models of the earlier experiments")
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
