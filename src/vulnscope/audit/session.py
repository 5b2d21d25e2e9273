"""Runs of audits in words, and of rows measured without a model: opened, filled, measured, written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vulnscope import models, report, store
from vulnscope.audit.answerers import AskedSubject, ask_locally, ask_remotely, describe_unseen
from vulnscope.audit.rescore import (
    PublishedAnswer,
    import_answers,
    measure_import,
    open_reader,
    read_text_rows,
    rescore,
)
from vulnscope.audit.texts import plan_text_audit, run_text_audit
from vulnscope.errors import EndpointError, InputError
from vulnscope.records.answers import Expectation
from vulnscope.records.audit import AuditRecord
from vulnscope.records.base import digest_text

if TYPE_CHECKING:
    from vulnscope.ask.worded.texts import Progress
    from vulnscope.audit.config import AuditConfig
    from vulnscope.audit.requests import AuditRequest
    from vulnscope.audit.texts import FindFolder, TextAudit
    from vulnscope.corpora import Corpus
    from vulnscope.corpora.cwe.weaknesses import Weaknesses
    from vulnscope.records.base import Record
    from vulnscope.store import Run, StoredRun

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


def run_in_words(
    job: Job, find_folder: FindFolder, open_subject: Callable[[], AskedSubject], progress: Progress | None = None
) -> Path:
    """An audit in words, in a run of its own; its folder. Everything that can be checked is, before a model opens."""
    audit = plan_text_audit(job.corpus, job.config, find_folder)
    subject = open_subject()
    opened = job.open("audit", subject.digest, subject.device)
    with job.guard(opened), opened as run:
        try:
            record = _ask(job, audit, subject, run, progress)
        except EndpointError as error:
            raise EndpointError(
                f"{error}. Answers that came are kept; once the endpoint works, continue with: {run.resume_command}"
            ) from error
        run.write_report(report.render_html(record))
        run.write_result(record)
    return opened.path


def rescore_run(stored: StoredRun, job: Job, parser: str, weaknesses: Weaknesses | None) -> Path:
    """`stored` parsed and measured anew in a run of its own; its folder. Opens no model."""
    rows = read_text_rows(stored)
    record = stored.result(AuditRecord)
    reader = open_reader(parser, weaknesses)
    with job.open("rescore", record.subject.subject_digest, "none") as run:
        made = rescore(
            rows,
            record,
            job.corpus,
            job.config,
            reader,
            run,
            baseline_corpus=job.baseline_corpus,
            command=run.manifest.command,
        )
        run.write_report(report.render_html(made))
        run.write_result(made)
    return run.path


def import_table(
    answers: Sequence[PublishedAnswer], job: Job, expects: Expectation, weaknesses: Weaknesses | None
) -> tuple[Path, ...]:
    """One run per model of the table, measured like our own; their folders. Opens no model."""
    reader = open_reader(job.config.parser, weaknesses)
    models = tuple(dict.fromkeys(answer.model for answer in answers))
    tables = {
        model: import_answers([a for a in answers if a.model == model], job.corpus, reader, expects) for model in models
    }
    folders = []
    for model, imported in tables.items():
        digest = digest_text(f"published\0{model}")
        with job.open("import", digest, "none") as run:
            record = measure_import(
                imported,
                describe_unseen(model, "published answers", "none", digest),
                job.corpus,
                job.config,
                run,
                baseline_corpus=job.baseline_corpus,
                command=run.manifest.command,
            )
            run.write_report(report.render_html(record))
            run.write_result(record)
        folders.append(run.path)
    return tuple(folders)


def _ask(job: Job, audit: TextAudit, subject: AskedSubject, run: Run, progress: Progress | None) -> AuditRecord:
    subject.keep_replies(run.path)
    return run_text_audit(
        subject.answerer,
        subject.info,
        audit,
        job.config,
        run,
        asks_per_batch=subject.asks_per_batch,
        baseline_corpus=job.baseline_corpus,
        command=run.manifest.command,
        progress=progress,
    )


@contextmanager
def open_asked(request: AuditRequest, *, is_cached: bool) -> Iterator[Callable[[], AskedSubject]]:
    """What opens the model to be asked, and lets it go at the end."""

    spec = request.subject.endpoint
    if spec is not None:
        if request.audit.chat is not None:
            raise InputError("chat is for local models; how an endpoint is asked is its api: chat, completions or auto")
        from vulnscope.models.remote import EndpointClient

        with EndpointClient(spec, request.subject.name, key=spec.read_key()) as client:
            yield lambda: ask_remotely(client)
        return
    cache = store.AnswerCache(store.cache_dir() / "answers.sqlite") if is_cached else None
    yield lambda: ask_locally(models.open_subject(**request.subject.local_options()), request.audit, cache)
