"""The audit: ask every sample, measure what the model says, and put controls and intervals beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from vulnscope.audit.config import AuditConfig
    from vulnscope.corpora import Corpus
    from vulnscope.models import Subject
    from vulnscope.records.audit import AuditRecord
    from vulnscope.store import AnswerCache, Run


def run_audit(
    subject: Subject,
    corpus: Corpus,
    config: AuditConfig,
    run: Run,
    *,
    baseline_corpus: Corpus | None = None,
    cache: AnswerCache | None = None,
    command: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> AuditRecord:
    """What `subject` says about `corpus`, with controls and intervals.

    Rows already in `run` and answers in `cache` are not asked again. `baseline_corpus` is the loaded corpus that
    `config.baseline_corpus` names. `progress` receives (rows done, rows in all). Neither result nor report is
    written: the caller does. Raises `InputError` when nothing is left to ask.
    """
    raise NotImplementedError
