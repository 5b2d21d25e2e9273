"""The verbs of audits: ask a model, resume, estimate; measure finished or published answers again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from vulnscope.api.carry_out import build_corpus_request, read_stored, split_options
from vulnscope.audit.config import AuditConfig
from vulnscope.audit.requests import (
    AuditRequest,
    AuditResult,
    find_weaknesses,
    folder_finder,
    read_corpus_rows,
    read_result,
)
from vulnscope.errors import InputError
from vulnscope.kinds.context import Context, interruptible, load_corpus, load_requested, open_cache, open_requested
from vulnscope.kinds.find import find_kind
from vulnscope.records.answers import Expectation, Form
from vulnscope.records.endpoints import EndpointSpec
from vulnscope.records.requests import SubjectRequest

if TYPE_CHECKING:
    from vulnscope.audit.session import Job
    from vulnscope.records.audit import AuditEstimate

Progress = Callable[[int, int], None]


def audit(
    model: str,
    corpus: str = "synthetic",
    *,
    endpoint: str | EndpointSpec | None = None,
    runs_dir: str | Path = "runs",
    **options: Any,
) -> AuditResult:
    """What `model` says about `corpus`, measured and reported.

    `options` are the fields of `SubjectRequest`, `data_dir`, `skip_bad` and `corpus_options` of the corpus, and the
    fields of `AuditConfig`. With `endpoint`, the base URL of an OpenAI-compatible server or its settings, `model` is
    the name it has there.
    """
    spec = EndpointSpec(url=endpoint) if isinstance(endpoint, str) else endpoint
    subject, source, settings = split_options(model, corpus, {**options, "endpoint": spec})
    request = AuditRequest(subject=subject, corpus=source, audit=AuditConfig(**settings))
    return run_audit_request(request, runs_dir=Path(runs_dir))


def resume_audit(run: str | Path, runs_dir: str | Path = "runs") -> AuditResult:
    """The interrupted audit `run` (folder, id, or a unique part of the id) carried to its end."""
    request = read_stored(find_kind("audit"), run, Path(runs_dir))
    return run_audit_request(request, runs_dir=Path(runs_dir), resume=run)


def carry(context: Context[AuditConfig]) -> AuditResult:
    """An audit from its beginning to its end."""
    return run_audit_request(
        context.request,
        runs_dir=context.runs_dir,
        resume=context.resume,
        is_cached=context.is_cached,
        command=context.command,
        progress=lambda done, total: context.tell("asking", done, total),
    )


def forecast(context: Context[AuditConfig]) -> AuditEstimate:
    """What an audit would take."""
    return estimate_audit(context.request)


def estimate_audit(request: AuditRequest) -> AuditEstimate:
    """What the audit would ask, and the time, memory and disk it would take; asks one batch, writes nothing."""
    from vulnscope.audit import check_audit, load_background
    from vulnscope.audit import estimate_audit as estimate
    from vulnscope.audit.answerers import ask_locally
    from vulnscope.audit.checks import check_place, check_settings
    from vulnscope.audit.estimate_words import estimate_in_words
    from vulnscope.audit.texts import is_in_words, plan_text_audit

    spec = request.subject.endpoint
    check_place(request.subject)
    check_settings(request.audit, is_remote=spec is not None)
    corpus = load_requested(request.corpus)
    if is_in_words(request.audit, is_remote=spec is not None):
        words = plan_text_audit(corpus, request.audit, folder_finder(request))
        asked = spec or ask_locally(open_requested(request.subject), request.audit, None)
        return estimate_in_words(words, request.audit, asked, time.perf_counter)
    check_audit(corpus, request.audit)
    background = load_background(corpus, request.audit)
    subject = open_requested(request.subject)
    return estimate(subject, corpus, request.audit, time.perf_counter, background)


def run_audit_request(
    request: AuditRequest,
    *,
    runs_dir: Path,
    resume: str | Path | None = None,
    is_cached: bool = True,
    command: str = "",
    progress: Progress | None = None,
) -> AuditResult:
    """Carry out `request` in a new run under `runs_dir`, or in the run `resume`. `is_cached` reuses known answers."""
    from vulnscope import report
    from vulnscope.audit import check_audit, load_background, run_audit
    from vulnscope.audit.checks import check_place, check_settings
    from vulnscope.audit.session import Job, open_asked, run_in_words
    from vulnscope.audit.texts import is_in_words

    check_place(request.subject)
    check_settings(request.audit, is_remote=request.subject.endpoint is not None)
    corpus = load_requested(request.corpus)
    baseline_corpus = load_corpus(request.audit.baseline_corpus) if request.audit.baseline_corpus else None
    if is_in_words(request.audit, is_remote=request.subject.endpoint is not None):
        job = Job(request, request.audit, corpus, baseline_corpus, runs_dir, command, resume, interruptible)
        with open_asked(request, is_cached=is_cached) as opening:
            return read_result(run_in_words(job, folder_finder(request), opening, progress), corpus)
    check_audit(corpus, request.audit)
    background = load_background(corpus, request.audit)
    context = Context[AuditConfig](find_kind("audit"), request, runs_dir, resume, command=command)
    with context.opened() as run:
        record = run_audit(
            context.subject,
            corpus,
            request.audit,
            run,
            baseline_corpus=baseline_corpus,
            background=background,
            cache=open_cache() if is_cached else None,
            command=run.manifest.command,
            progress=progress,
        )
        run.write_report(report.render_html(record))
        run.write_result(record)
        rows = read_corpus_rows(run, corpus)
    return AuditResult(record=record, rows=rows, corpus=corpus, folder=run.path)


def rescore_run(
    run: str | Path, parser: str = "strict", runs_dir: str | Path = "runs", *, command: str = ""
) -> AuditResult:
    """The finished run `run` parsed anew and measured again, as a run of its own; opens no model."""
    from vulnscope import store
    from vulnscope.audit.session import rescore_run as rescore

    stored = store.load_run(run, Path(runs_dir))
    request = AuditRequest.model_validate(stored.manifest.config)
    again = request.model_copy(update={"audit": request.audit.model_copy(update={"parser": parser})})
    job = _make_job(again, Path(runs_dir), command)
    return read_result(rescore(stored, job, parser, find_weaknesses(again)), job.corpus)


def import_answers(
    table: str | Path,
    corpus: str,
    *,
    data_dir: str | Path | None = None,
    skip_bad: bool = False,
    corpus_options: Mapping[str, Any] | None = None,
    parser: str = "strict",
    form: str = "verdict",
    runs_dir: str | Path = "runs",
    command: str = "",
    **settings: Any,
) -> tuple[AuditResult, ...]:
    """Published answers (columns model, item, prompt, answer) measured like our own, one run per model; opens none.

    `form` is the form in which answers state their verdict, where `parser` is strict. `corpus_options` are the loader's
    own, `settings` the fields of `AuditConfig`.
    """
    from vulnscope.audit.rescore import IMPORTED_FORMS, read_table
    from vulnscope.audit.session import import_table

    if form not in IMPORTED_FORMS:
        raise InputError(f"answers have no form {form!r} in a table; choose one of: {', '.join(IMPORTED_FORMS)}")
    answers = read_table(Path(table))
    request = AuditRequest(
        subject=SubjectRequest(name=str(table)),
        corpus=build_corpus_request(corpus, data_dir, skip_bad=skip_bad, corpus_options=corpus_options),
        audit=AuditConfig(parser=parser, protocol=f"imported:{form}", **settings),
    )
    job = _make_job(request, Path(runs_dir), command)
    folders = import_table(answers, job, Expectation(form=cast(Form, form)), find_weaknesses(request))
    return tuple(read_result(folder, job.corpus) for folder in folders)


def _make_job(request: AuditRequest, runs_dir: Path, command: str) -> Job:
    from vulnscope.audit.session import Job

    baseline_corpus = load_corpus(request.audit.baseline_corpus) if request.audit.baseline_corpus else None
    return Job(request, request.audit, load_requested(request.corpus), baseline_corpus, runs_dir, command)
