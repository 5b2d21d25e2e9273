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
