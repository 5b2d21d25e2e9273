"""What runs that open no model are made from, and how they end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vulnscope import report, store
from vulnscope.audit.figures.judgement import Case
from vulnscope.audit.requests import AuditRequest, AuditResult, read_corpus_rows

if TYPE_CHECKING:
    from vulnscope.corpora import Corpus
    from vulnscope.records.audit import AuditRecord
    from vulnscope.store import Run


@dataclass(frozen=True)
class Job:
    """The request as it is stored, the loaded corpora, and where runs lie."""

    request: AuditRequest
    corpus: Corpus
    baseline_corpus: Corpus | None
    runs_dir: Path
    command: str = ""

    def open(self, kind: str, subject_digest: str) -> Run:
        """A new run of this kind."""
        return store.open_run(
            self.runs_dir,
            kind,
            self.request,
            subject_digest=subject_digest,
            corpus_digest=self.corpus.content_digest,
            seed=self.request.audit.seed,
            device="none",
            command=self.command,
        )

    def case(self, run: Run) -> Case:
        """What the answers in `run` are judged in."""
        return Case(self.corpus, self.request.audit, run, self.baseline_corpus, run.manifest.command)

    def finish(self, run: Run, record: AuditRecord) -> AuditResult:
        """Write the page and, last, the result."""
        run.write_report(report.render_html(record))
        run.write_result(record)
        return AuditResult(record, run.path, read_corpus_rows(run, self.corpus), self.corpus)
