"""The result of `vulnscope study A --against B`: two studies on the same items, and every difference between them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vulnscope.records.base import Estimate, Number, Record, RunRecord
from vulnscope.records.comparison import ComparisonRecord
from vulnscope.records.steer import Effect, Kind
from vulnscope.study.record import StudyForecast, StudyRecord

Figure = Literal[
    "says",
    "yes-rate",
    "pair-correct",
    "pair-rank",
    "accuracy",
    "threshold-accuracy",
    "threshold-gain",
    "probe",
    "baseline",
    "over-baseline",
    "gap",
]


class Difference(Record):
    """One figure of both subjects on the same items, B minus A."""

    first: Estimate = Field(description="of A")
    second: Estimate = Field(description="of B")
    change: Estimate = Field(description="B minus A, paired")
    p: Number
    p_corrected: Number = Field(description="corrected over its table")
    detectable: Number = Field(
        description="smallest difference these groups could have shown (80 % power, 5 % over the whole table)"
    )


class FigureDifference(Record):
    """One figure of the diagnosis."""

    name: Figure
    difference: Difference


class InterventionDifference(Record):
    """The same intervention on both subjects, each at the point chosen for it, on the same held-out items."""

    name: str
    kind: Kind | None = Field(description="None for the un-steered subjects")
    what: tuple[str, str] = Field(description="site, operation, scale or threshold chosen for A and for B")
    effects: tuple[Effect | None, Effect | None]
    pair_correct: Difference
    auroc: Difference


class AgainstRecord(RunRecord):
    """Everything the page, the terminal and `--json` show. No figure is computed after this."""

    schema_version: Literal[1] = 1
    sentence: str
    names: tuple[str, str] = Field(description="A and B in words, told apart by how they were opened where need be")
    first: StudyRecord = Field(description="the study of A")
    second: StudyRecord = Field(description="the study of B")
    answers: ComparisonRecord = Field(description="what they answered, item by item")
    figures: tuple[FigureDifference, ...]
    correction: str
    interventions: tuple[InterventionDifference, ...]
    interventions_correction: str
    n_probed: int = Field(description="items whose hidden states were read of both")
    n_steered: int = Field(description="held-out items of the interventions, the same for both")
    pages: dict[str, str] = Field(description="pages of both studies and of the answers, inside the run's folder")
    notes: tuple[str, ...]


class AgainstForecast(Record):
    """What both studies would take, one after the other."""

    schema_version: Literal[1] = 1
    first: StudyForecast
    second: StudyForecast
    memory_bytes: int = Field(ge=0, description="of the larger: they are opened one after the other")
    seconds: float = Field(ge=0, description="of both")
    disk_bytes: int = Field(ge=0, description="of both")
