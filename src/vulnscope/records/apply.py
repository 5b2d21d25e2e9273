"""The result of `vulnscope steer apply`: one stored intervention on a whole corpus, beside the un-steered answers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vulnscope.records.audit import CorpusInfo, LeftOut, SubjectInfo
from vulnscope.records.base import Estimate, Record, RunRecord
from vulnscope.records.rows import Says
from vulnscope.records.steer import ControlSet, Outcome


class AppliedFrom(Record):
    """Where the vectors of an intervention were found."""

    subject: str
    subject_digest: str
    is_same_subject: bool
    corpus: str | None
    corpus_digest: str | None
    is_same_corpus: bool = Field(description="figures on this corpus are then not held out")


class Answered(Record):
    """One sample whose answer the intervention changed."""

    sample: str
    cwes: tuple[str, ...]
    label: Literal["vulnerable", "fixed"]
    before: Says
    after: Says
    margin_before: float = Field(description="nats")
    margin_after: float


class ApplyRecord(RunRecord):
    """Everything the report, the terminal and `--json` show. No figure is computed after this."""

    schema_version: Literal[1] = 1
    sentence: str
    subject: SubjectInfo
    corpus: CorpusInfo
    protocol: str
    found_in: AppliedFrom | None = Field(description="None where the intervention holds no vectors")
    clean_auroc: Estimate
    clean_pair_correct: Estimate
    clean_yes_rate: Estimate
    outcomes: tuple[Outcome, ...] = Field(description="one: the intervention")
    controls: tuple[ControlSet, ...]
    n_changed: int = Field(description="samples answered otherwise than before")
    n_to_right: int
    n_to_wrong: int
    changed: tuple[Answered, ...] = Field(description="those whose margin moved most")
    correction: str
    notes: tuple[str, ...]
    left_out: tuple[LeftOut, ...]


class SteeredText(Record):
    """What a model writes after one text, as it is and steered."""

    intervention: str
    what: str
    text: str
    plain: str
    steered: str
    n_tokens: int
