"""The result of `vulnscope steer sweep`: what each intervention did on held-out code, beside its controls."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vulnscope.records.audit import CorpusInfo, LeftOut, SubjectInfo
from vulnscope.records.base import Estimate, Figure, NotMeasured, Number, Quantity, Record, RunRecord
from vulnscope.records.rows import Says

Kind = Literal["method", "threshold", "prompt", "prompt and method", "gated method", "combined methods", "from file"]
Effect = Literal["sensitivity", "criterion only", "not beyond controls", "nothing shown", "cannot be found here"]
ControlName = Literal["random directions", "shuffled labels"]

RUINOUS_PERPLEXITY = 2.0
"""Times the clean perplexity of ordinary code, above which an intervention ruins what else the model does."""
RUINOUS_PARSING = 0.5
"""Share of the continuations that parse without it, below which it does so too."""

_EARLIER = NotMeasured(reason="results of earlier versions lack it")


class Agreement(Record):
    """How far the pair differences of one site point the same way."""

    site: str
    selector: str
    mean_cosine: Quantity = Field(description="over all pairs of pairs of other groups, -1 to 1")
    n_pairs: int
    unit: float = Field(description="norm unit of the site on the fit split")


class SideEffects(Record):
    """What an intervention costs elsewhere, clean beside edited."""

    kl_nats: Quantity = Field(description="KL(clean ‖ edited) per edited position on ordinary code")
    perplexity_clean: Number = Field(description="of the next token at those positions")
    perplexity_edited: Number
    off_target_clean: Number = Field(description="AUROC of 'does it contain a loop?' against the syntax tree")
    off_target_edited: Number
    off_target_yes_clean: Number = Field(description="share of those questions answered yes")
    off_target_yes_edited: Number
    off_target_unparsed: Number = Field(description="share of those questions without an answer, edited")
    parses_clean: Number = Field(description="share of continuations of ordinary code that still parse")
    parses_edited: Number
    n_positions: int
    n_questions: int
    n_continuations: int

    @property
    def ruins_reading(self) -> bool:
        """Whether the perplexity of ordinary code grows beyond what any gain is worth."""
        return _outgrows(self.perplexity_edited, RUINOUS_PERPLEXITY, self.perplexity_clean)

    @property
    def ruins_writing(self) -> bool:
        """Whether too little of what parsed still does."""
        return _outgrows(self.parses_clean, 1 / RUINOUS_PARSING, self.parses_edited)

    @property
    def is_ruinous(self) -> bool:
        """Whether either suffers so much."""
        return self.ruins_reading or self.ruins_writing


class CweOutcome(Record):
    """The effect within one CWE."""

    cwe: str
    n_pairs: int
    bias_shift: Estimate
    auroc_change: Estimate
    p: Number
    p_corrected: Number


class Outcome(Record):
    """One intervention on the report split, paired with the un-steered run on the same items."""

    name: str
    kind: Kind
    what: str = Field(description="site, selector, operation, scale or threshold in words")
    intervention_digest: str | None = None
    bias_shift: Estimate = Field(description="mean change of the margin, nats; > 0 towards vulnerable")
    bias_p: Number = Field(description="sign flips by group of the change of margin")
    auroc: Estimate
    auroc_change: Estimate = Field(description="sensitivity: edited minus clean")
    pair_rank_change: Estimate
    pair_correct: Estimate
    pair_correct_change: Estimate
    yes_rate: Estimate
    unparsed_rate: Estimate
    anti_steered_rate: Number = Field(description="share of items moved against the sign of the scale")
    p: Number = Field(description="sign flips by group of the change of pair-rank")
    p_corrected: Number
    p_random: Number = Field(description="(1 + k)/(1 + n) against random directions matched in covariance")
    p_shuffled: Number = Field(description="(1 + k)/(1 + n) against directions from shuffled labels")
    bias_p_random: Number = Field(
        default=_EARLIER, description="(1 + k)/(1 + n) of the size of the bias shift against random directions"
    )
    bias_p_shuffled: Number = Field(default=_EARLIER, description="the same against shuffled labels")
    effect: Effect
    per_cwe: tuple[CweOutcome, ...]
    side_effects: SideEffects | None = None
    margins: tuple[float, ...] = Field(default=(), description="nats, of the record's items in their order")
    says: tuple[Says, ...] = Field(default=(), description="greedy answers about the record's items")

    @property
    def is_ruinous(self) -> bool:
        """Whether its measured side effects are."""
        return self.side_effects is not None and self.side_effects.is_ruinous


class SteeredItem(Record):
    """One sample of the report split, as the un-steered subject answers."""

    sample: str
    margin: float = Field(description="nats, positive towards vulnerable")
    says: Says


class ControlSet(Record):
    """All controls of one sort on the report split."""

    name: ControlName
    n: int
    auroc_changes: tuple[Figure, ...]
    pair_correct_changes: tuple[Figure, ...]
    bias_shifts: tuple[Figure, ...]


class SweepCell(Record):
    """One point of the sweep on the choose split."""

    method: str
    site: str
    selector: str
    scale: float
    auroc: Number
    pair_correct: float
    bias_shift: Figure
    yes_rate: float
    is_chosen: bool = False


class SteerRecord(RunRecord):
    """Everything the report, the terminal and `--json` show. No figure is computed after this."""

    schema_version: Literal[1] = 1
    sentence: str
    subject: SubjectInfo
    corpus: CorpusInfo
    protocol: str
    n_fit: int = Field(description="groups that fit")
    n_choose: int
    n_report: int
    agreement: tuple[Agreement, ...]
    clean_auroc: Estimate
    clean_pair_correct: Estimate
    clean_yes_rate: Estimate
    outcomes: tuple[Outcome, ...]
    leader: str | None = Field(
        default=None, description="name of the method that did best on the groups that choose; earlier results lack it"
    )
    items: tuple[SteeredItem, ...] = Field(default=(), description="the report split, un-steered")
    controls: tuple[ControlSet, ...]
    cells: tuple[SweepCell, ...]
    correction: str
    vectors: str | None = Field(description="file of the vectors, inside the run folder")
    notes: tuple[str, ...]
    left_out: tuple[LeftOut, ...]


class VectorInfo(Record):
    """One vector of a file, as `steer show` prints it."""

    name: str
    site: str
    norm: float
    unit: float | None


class VectorFile(Record):
    """What `steer fit` wrote and `steer show` reads."""

    path: str
    file_digest: str
    subject: str
    subject_digest: str
    method: str
    corpus: str | None
    corpus_digest: str | None
    seed: int | None
    settings: dict[str, object]
    vectors: tuple[VectorInfo, ...]
    agreement: tuple[Agreement, ...] = ()


def _outgrows(value: Number, times: float, other: Number) -> bool:
    """Whether `value` is more than so many times the other; not where either is not measured."""
    return not isinstance(value, NotMeasured) and not isinstance(other, NotMeasured) and value > times * other
