"""Runs of audits, and of rows measured without a model: opened, filled, measured, written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vulnscope import models, report, store
from vulnscope.audit.answerers import LocalModel, RemoteModel, describe_unseen
from vulnscope.audit.requests import AuditResult
from vulnscope.audit.rescore import (
    PublishedAnswer,
    import_answers,
    measure_import,
    open_reader,
    read_text_rows,
    rescore,
)
from vulnscope.audit.run import carry_out
from vulnscope.errors import EndpointError, InputError
from vulnscope.records.answers import Expectation
from vulnscope.records.audit import AuditRecord
from vulnscope.records.base import digest_text

if TYPE_CHECKING:
    from vulnscope.ask.asking import Progress
    from vulnscope.audit.answerers import AskedModel
    from vulnscope.audit.config import AuditConfig
    from vulnscope.audit.plan import AuditPlan
    from vulnscope.audit.requests import AuditRequest
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


def run_job(
    job: Job, plan: AuditPlan, open_model: Callable[[], AskedModel], progress: Progress | None = None
) -> AuditResult:
    """An audit in a run of its own. Everything that can be checked was, before the model opens."""
    seated = plan.seat(open_model())
    opened = job.open("audit", seated.digest, seated.device)
    with job.guard(opened), opened as run:
        try:
            record, rows = carry_out(
                seated.put(run.path),
                plan,
                run,
                baseline_corpus=job.baseline_corpus,
                command=run.manifest.command,
                progress=progress,
            )
        except EndpointError as error:
            raise EndpointError(
                f"{error}. Answers that came are kept; once the endpoint works, continue with: {run.resume_command}"
            ) from error
        _finish(run, record)
    return AuditResult(record, rows, job.corpus, run.path)


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
        _finish(run, made)
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
            _finish(run, record)
        folders.append(run.path)
    return tuple(folders)


def _finish(run: Run, record: AuditRecord) -> None:
    run.write_report(report.render_html(record))
    run.write_result(record)


@contextmanager
def open_asked(request: AuditRequest, *, is_cached: bool) -> Iterator[Callable[[], AskedModel]]:
    """What opens the model to be asked, and lets it go at the end."""
    spec = request.subject.endpoint
    if spec is not None:
        if request.audit.chat is not None:
            raise InputError("chat is for local models; how an endpoint is asked is its api: chat, completions or auto")
        from vulnscope.models.remote import EndpointClient

        with EndpointClient(spec, request.subject.name, key=spec.read_key()) as client:
            yield lambda: RemoteModel(client)
        return

    def open_local() -> AskedModel:
        subject = models.open_subject(**request.subject.local_options())
        return LocalModel(subject, store.AnswerCache(store.cache_dir() / "answers.sqlite") if is_cached else None)

    yield open_local
