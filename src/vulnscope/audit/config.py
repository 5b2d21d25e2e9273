"""What one audit is asked to do."""

from __future__ import annotations

from pydantic import Field

from vulnscope.ask.settings import Selection
from vulnscope.records.requests import StudyRequest


class AuditConfig(Selection):
    """Resolved settings of an audit; stored in the run and in the result."""

    protocol_options: tuple[tuple[str, str], ...] = Field(default=(), description="settings of the protocol itself")
    prompts: tuple[str, ...] = Field(default=(), description="names of the prompts to ask; () asks the preset's")
    preset: str | None = Field(default=None, description="a named experiment of the protocol; None: its first, if any")
    parser: str = Field(default="strict", description="a registered parser, for answers in words")
    temperatures: tuple[float, ...] = Field(default=(), description="0 is greedy; () takes the preset's, else 0")
    repeats: int | None = Field(default=None, ge=1, description="answers per prompt and temperature")
    max_new_tokens: int = Field(default=512, ge=1, description="longest answer in words per turn")
    max_pairs_shown: int = Field(default=200, ge=0, description="pairs kept for the browser")
    baseline_corpus: str | None = Field(
        default=None,
        description="corpus that trains the baselines; None: the train split, else folds over the corpus itself",
    )
    check_leaks: bool = Field(default=False, description="put a leak audit of the whole corpus into the report")
    background: str | None = Field(default=None, description="folder of ordinary source code to raise alarms on")
    background_limit: int = Field(default=2000, ge=1, description="at most so many of its functions, drawn by seed")
    prevalence: float = Field(default=0.01, gt=0, lt=1, description="stated share of vulnerable functions in use")


class AuditRequest(StudyRequest):
    """Everything an audit is asked to do; stored in the run, so that `resume_audit` needs only the run."""

    audit: AuditConfig = AuditConfig()
