"""What every run of this room is made from, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vulnscope import report, store
from vulnscope.audit.figures.judgement import Case

if TYPE_CHECKING:
    from vulnscope.audit.config import AuditConfig
    from vulnscope.corpora import Corpus
    from vulnscope.records.audit import AuditRecord
    from vulnscope.records.base import Record
    from vulnscope.records.comparison import ComparisonRecord
    from vulnscope.store import Run

Guard = Callable[["Run"], AbstractContextManager[None]]


@dataclass(frozen=True)
class Job:
    """What every kind of run here is made from: the stored request, the loaded corpora, and where runs lie."""

    request: Record
    config: AuditConfig
    corpus: Corpus
    baseline_corpus: Corpus | None
    runs_dir: Path
    command: str = ""
    resume: str | Path | None = None
    guard: Guard = lambda _: nullcontext()

    def open(self, kind: str, subject_digest: str, device: str) -> Run:
        """A new run of this kind, or the one that is resumed."""
        return store.open_run(
            self.runs_dir,
            kind,
            self.request,
            subject_digest=subject_digest,
            corpus_digest=self.corpus.content_digest,
            seed=self.config.seed,
            device=device,
            command=self.command,
            resume=self.resume,
        )

    def case(self, run: Run) -> Case:
        """What the answers in `run` are judged in."""
        return Case(self.corpus, self.config, run, self.baseline_corpus, run.manifest.command)


def finish(run: Run, record: AuditRecord | ComparisonRecord) -> None:
    """Write the page and, last, the result."""
    run.write_report(report.render_html(record))
    run.write_result(record)
