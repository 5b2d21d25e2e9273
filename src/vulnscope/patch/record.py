"""The result of `vulnscope patch`: whether the model uses what differs between twins, layer by region."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from vulnscope.records.audit import CorpusInfo, LeftOut, SubjectInfo
from vulnscope.records.base import Estimate, NotMeasured, Number, Record, RunRecord, read_old_names
from vulnscope.stats.multiplicity import LEVEL

Claim = Literal["yes", "no", "cannot tell"]
Region = Literal["prefix", "changed", "suffix", "last"]


class PatchedMargin(Record):
    """One row of a patching: a twin with activations of another text, by one question."""

    job: Literal["twins", "random"]
    pair: int = Field(ge=0, description="number of the pair, or of the random pairing")
    question: Literal["vulnerable", "secure"]
    into: Literal["first", "second"]
    site: str
    region: Region
    n_tokens: int
    log_odds: float = Field(description="nats, yes against no, patched")
    clean: float = Field(description="the same text unpatched")
    source: float = Field(description="the other text unpatched")


class PatchCell(Record):
    """One layer and region, both directions together; margins in nats."""

    layer: int
    region: Region
    n_pairs: int
    mean_tokens: float
    shift: Estimate = Field(description="mean move of the margin towards the donor's label, per twin")
    into_fixed: Number = Field(description="mean change of the fixed twin's margin; > 0 is towards vulnerable")
    into_vulnerable: Number = Field(description="mean change of the vulnerable twin's margin")
    carried: Number = Field(description="least-squares share of the twins' difference that the patch carries over")
    p: Number = Field(description="sign flips by group, two-sided")
    p_corrected: Number = Field(description="over all cells but the prefix")
    random_shift: Estimate = Field(description="the same with donors of the recipient's label from other pairs")
    beyond_random: Estimate = Field(description="shift minus random shift, pair by pair")
    beyond_p_corrected: Number = Field(
        default=NotMeasured(reason="measured by an earlier version: patch again"),
        description="of that difference: sign flips by group, corrected over all cells but the prefix by max-T",
    )

    @property
    def is_moving(self) -> bool:
        """Whether it moves the margin beyond chance and, in the same direction, beyond donors of the same label."""
        parts = (self.p_corrected, self.beyond_p_corrected)
        shift, beyond = self.shift.value, self.beyond_random.value
        is_beyond = all(isinstance(p, float) and p <= LEVEL for p in parts)
        return is_beyond and isinstance(shift, float) and isinstance(beyond, float) and shift * beyond > 0


class PatchRecord(RunRecord):
    """Everything the report, the terminal and `--json` show. No figure is computed after this."""

    schema_version: Literal[1] = 1
    sentence: str
    subject: SubjectInfo
    corpus: CorpusInfo
    protocol: str
    used: Claim
    n_pairs: int
    margin_deviation: float = Field(description="standard deviation of unpatched margins, nats")
    best: PatchCell | None = Field(description="the cell with the largest shift among those that count")
    cells: tuple[PatchCell, ...]
    correction: str
    left_out: tuple[LeftOut, ...]
    shortcuts_missing: tuple[str, ...]

    @model_validator(mode="before")
    @classmethod
    def _read_old_names(cls, fields: Any) -> Any:
        return read_old_names(fields, used="is_used")
