"""What one audit is asked to do."""

from __future__ import annotations

from pydantic import Field

from vulnscope.ask.settings import Selection


class AuditConfig(Selection):
    """Resolved settings of an audit; stored in the run and in the result."""

    max_pairs_shown: int = Field(default=200, ge=0, description="pairs kept for the browser")
    baseline_corpus: str | None = Field(
        default=None,
        description="corpus that trains the baselines; None: the train split, else folds over the corpus itself",
    )
    background: str | None = Field(default=None, description="folder of ordinary source code to raise alarms on")
    background_limit: int = Field(default=2000, ge=1, description="at most so many of its functions, drawn by seed")
    prevalence: float = Field(default=0.01, gt=0, lt=1, description="stated share of vulnerable functions in use")
