"""What answers are judged in, out of what was asked; needs no model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.audit.figures.judgement import Case
from vulnscope.kinds.context import load_corpus

if TYPE_CHECKING:
    from vulnscope.audit.config import AuditConfig
    from vulnscope.corpora import Corpus
    from vulnscope.kinds.context import Context


def load_baseline(context: Context[AuditConfig]) -> Corpus | None:
    """The corpus that trains the baselines, where one is named."""
    named = context.settings.baseline_corpus
    return load_corpus(named) if named else None


def make_case(context: Context[AuditConfig], baseline_corpus: Corpus | None) -> Case:
    """What the answers in the run are judged in."""
    return Case(context.corpus, context.settings, context.run, baseline_corpus)
