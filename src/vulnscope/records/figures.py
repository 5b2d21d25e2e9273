"""Figures beyond sensitivity and bias: the answers as a classifier's, prompts, robustness, ordinary code."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vulnscope.records.answers import MarginKind
from vulnscope.records.base import Estimate, Figure, Number, Quantity, Record


class CutFigures(Record):
    """What the lowest cut on the margin finds that keeps a false-positive rate."""

    false_positive_rate: float = Field(gt=0, lt=1)
    recall: Estimate
    vd_s: Estimate = Field(description="share of vulnerable code missed, 1 - recall; lower is better")
    warning: str | None = Field(default=None, description="too few negatives for so low a rate")


class ReliabilityBin(Record):
    """Samples whose stated probabilities lie next to each other."""

    low: float
    high: float
    mean_probability: float
    share_vulnerable: Estimate
    n: int


class Calibration(Record):
    """Whether stated probabilities, the logistic function of the margin, come true on this mix of labels."""

    brier: Estimate = Field(description="lower is better; 0.25 is what one half always gets")
    error: Quantity = Field(description="expected calibration error over bins of equal size")
    error_by_chance: Number = Field(description="median error of a perfectly calibrated model on so many samples")
    error_by_chance_high: Number = Field(description="its 95th percentile: only a larger error is more than chance")
    bins: tuple[ReliabilityBin, ...]


class Classification(Record):
    """Answers and margins as those of a classifier, over all samples."""

    share_vulnerable: float = Field(ge=0, le=1, description="of the labels; chance for the average precision")
    balanced_accuracy: Estimate = Field(description="mean of the shares right on either side; unparsed is wrong")
    mcc: Estimate = Field(description="Matthews correlation of parsed answers with labels")
    average_precision: Estimate = Field(description="area under the precision-recall curve of the margin (AUPRC)")
    cuts: tuple[CutFigures, ...]
    calibration: Calibration | None = Field(description="None where margins are no log-odds")


class ReadOutAgreement(Record):
    """Two read-outs of the same answers: what is typed, and which answer the log-odds favour."""

    n: int = Field(description="samples with both")
    agreement: Estimate
    kappa: Quantity = Field(description="Cohen's: agreement beyond that of independent read-outs with the same habits")
    typed_accuracy: Estimate
    log_odds_accuracy: Estimate


class PromptCell(Record):
    """One prompt on one part of the corpus."""

    n: int
    yes_rate: Number
    accuracy: Number
    pair_rank: Number


class PromptLine(Record):
    """One prompt: over all samples, and by part."""

    prompt: str
    yes_rate: Estimate
    accuracy: Estimate
    pair_rank: Estimate
    cells: tuple[PromptCell, ...] = Field(description="one per column of the grid")


class PromptSpread(Record):
    """How much one figure depends on the prompt."""

    measure: Literal["accuracy", "pair-rank"]
    mean: Estimate = Field(description="over all prompts")
    deviation: Figure = Field(ge=0, description="standard deviation over prompts")
    best: str
    best_value: Estimate = Field(description="chosen in hindsight, hence too good")
    worst: str
    worst_value: Estimate
    best_on_others: Estimate = Field(description="each group under the prompt that did best on other groups")


class PromptGrid(Record):
    """Prompts × CWEs, and how much depends on the wording."""

    columns: tuple[str, ...] = Field(description="CWEs; () where the corpus has one")
    lines: tuple[PromptLine, ...]
    spread: tuple[PromptSpread, ...]
    agreement: Estimate = Field(
        description="probability that two different prompts get the same verdict; without a verdict none agrees"
    )


class RobustnessLine(Record):
    """Answers before and after one kind of change that keeps the label."""

    kind: str
    n: int = Field(description="changed samples whose original was asked too")
    n_pairs: int
    right_before: Estimate
    right_after: Estimate
    unchanged: Estimate = Field(description="same answer before and after; a constant answer gets 1")
    robust: Estimate = Field(description="right before and unchanged after")
    pair_robust: Estimate = Field(description="both twins right before and unchanged after; a constant answer gets 0")
    margin_change: Estimate = Field(description="mean change of the margin, in its own unit")
    accuracy_p: Number = Field(description="right after against right before, by group")
    accuracy_p_corrected: Number = Field(description="corrected over the kinds")


class Robustness(Record):
    """Correct and unchanged under changes that do not matter."""

    lines: tuple[RobustnessLine, ...]
    correction: str


class DeploymentPoint(Record):
    """One way to raise alarms, and what it means on ordinary code."""

    name: str = Field(description="what it says | margin above the cut for 1 % alarms")
    cut: Number = Field(description="margin that has to be exceeded, in its own unit")
    alarm_rate: Estimate = Field(description="share of ordinary functions that raise an alarm")
    recall: Estimate = Field(description="share of the corpus's vulnerable samples that do")
    precision: Estimate = Field(description="share of alarms that are right, at the stated prevalence")
    warning: str | None = None


class LoudFunction(Record):
    """An ordinary function with a high margin."""

    function: str = Field(description="file:line name")
    margin: float
    says: str
    log_odds: float | None = Field(default=None, description="nats, that decided what is said")


class Background(Record):
    """Ordinary functions beside the corpus: what deployment would be like."""

    folder: str
    functions_digest: str
    n_functions: int
    n_files: int = Field(description="the groups of the intervals")
    languages: dict[str, int]
    asked: str = Field(default="", description="how they were asked, where that differs from the corpus")
    readout: MarginKind = Field(default="log-odds", description="what margins are here; verdicts have none to cut")
    prevalence: float = Field(gt=0, lt=1, description="stated share of vulnerable functions where it is deployed")
    unparsed_rate: Estimate
    auroc: Estimate = Field(description="vulnerable samples of the corpus against ordinary functions")
    points: tuple[DeploymentPoint, ...]
    loudest: tuple[LoudFunction, ...] = Field(
        description="highest margins first; of answers in words those called vulnerable"
    )
    margins: tuple[float, ...] = Field(description="of ordinary functions, evenly drawn where there are many")
    left_out: tuple[str, ...] = Field(default=(), description="what of the folder was not asked, and why")
