"""The result of `vulnscope run compare`: two runs on the same items, change by change."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vulnscope.records.audit import CorpusInfo
from vulnscope.records.base import Estimate, Number, Record, RunRecord
from vulnscope.records.rows import Says

Measure = Literal["accuracy", "pair-correct", "pair-rank", "auroc", "yes-rate", "unparsed", "margin"]


class ComparedRun(Record):
    """One of the two runs."""

    run: str
    kind: str
    model: str
    subject_digest: str
    protocol: str
    intervention: str
    n_items: int = Field(description="items it answered")
    command: str


class Change(Record):
    """One figure in both runs on the same items, second minus first."""

    measure: Measure
    before: Number
    after: Number
    change: Estimate
    p: Number
    p_corrected: Number = Field(description="corrected over the slices of this kind")
    test: str = Field(description="how p was found")
    detectable: Number = Field(description="smallest change that this n could have shown (80 % power, 5 %)")


class ComparedSlice(Record):
    """All changes over one part of the items."""

    kind: str
    value: str
    n_items: int
    n_pairs: int
    n_groups: int
    n_flipped: int = Field(description="items with another answer")
    n_gained: int = Field(description="wrong before, right after")
    n_lost: int = Field(description="right before, wrong after")
    changes: tuple[Change, ...]
    correction: str


class ComparedItem(Record):
    """One sample under both runs."""

    sample: str
    pair: str
    cwe: str
    language: str
    label: Literal["vulnerable", "fixed"]
    says: tuple[Says, Says] = Field(description="before, after")
    margins: tuple[float, float]
    code: str | None = Field(description="None where only the figures are kept")


class ComparisonRecord(RunRecord):
    """Everything the page, the terminal and `--json` show."""

    schema_version: Literal[1] = 1
    sentence: str
    before: ComparedRun
    after: ComparedRun
    differences: tuple[str, ...] = Field(description="settings in which the runs differ")
    corpus: CorpusInfo
    n_only_before: int = Field(description="items that only the first run answered; in no figure")
    n_only_after: int
    is_one_unit: bool = Field(description="whether margins of both runs are in nats, so that they can be subtracted")
    agreement: Estimate = Field(description="share of items with the same verdict in both")
    kappa: Number = Field(description="Cohen's: agreement beyond that of independent answers with the same habits")
    overall: ComparedSlice
    slices: tuple[ComparedSlice, ...] = Field(description="by kind, largest change of accuracy first")
    items: tuple[ComparedItem, ...] = Field(description="flipped first, then by change of margin")
