"""The verbs of audits: ask a model, resume, estimate; measure finished or published answers again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from vulnscope.api.requests import (
    build_corpus_request,
    build_requests,
    interruptible,
    open_requested,
    read_stored,
)
from vulnscope.audit.config import AuditConfig
from vulnscope.audit.requests import (
    AuditRequest,
    AuditResult,
    SubjectRequest,
    find_weaknesses,
    folder_finder,
    load_corpus,
    load_requested,
    read_result,
)
from vulnscope.errors import InputError
from vulnscope.models.remote.settings import EndpointSpec
from vulnscope.records.answers import Expectation, Form

if TYPE_CHECKING:
    from vulnscope.audit.job import Job
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
    subject, source, settings = build_requests(model, corpus, {**options, "endpoint": spec})
    request = AuditRequest(subject=subject, corpus=source, audit=AuditConfig(**settings))
    return run_audit_request(request, runs_dir=Path(runs_dir))


def resume_audit(run: str | Path, runs_dir: str | Path = "runs") -> AuditResult:
    """The interrupted audit `run` (folder, id, or a unique part of the id) carried to its end."""
    request = read_stored("audit", AuditRequest, run, Path(runs_dir))
    return run_audit_request(request, runs_dir=Path(runs_dir), resume=run)


def estimate_audit(request: AuditRequest) -> AuditEstimate:
    """What the audit would ask, and the time, memory and disk it would take; asks one batch, writes nothing."""
    from vulnscope.audit.answerers import LocalModel
    from vulnscope.audit.checks import check_place, check_settings
    from vulnscope.audit.run import plan_audit

    spec = request.subject.endpoint
    check_place(request.subject)
    check_settings(request.audit, is_remote=spec is not None)
    corpus = load_requested(request.corpus)
    plan = plan_audit(corpus, request.audit, folder_finder(request), is_remote=spec is not None)
    return plan.estimate(spec or LocalModel(open_requested(request.subject)), time.perf_counter)


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
    from vulnscope.audit.checks import check_place, check_settings
    from vulnscope.audit.run import plan_audit
    from vulnscope.audit.session import open_asked, run_job

    is_remote = request.subject.endpoint is not None
    check_place(request.subject)
    check_settings(request.audit, is_remote=is_remote)
    job = _make_job(request, runs_dir, command, resume)
    with open_asked(request, is_cached=is_cached) as opening:
        plan = plan_audit(job.corpus, request.audit, folder_finder(request), is_remote=is_remote)
        return run_job(job, plan, opening, progress)


def rescore_run(
    run: str | Path, parser: str = "strict", runs_dir: str | Path = "runs", *, command: str = ""
) -> AuditResult:
    """The finished run `run` parsed anew and measured again, as a run of its own; opens no model."""
    from vulnscope import store
    from vulnscope.audit.again.rescore import rescore_run as rescore

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
    from vulnscope.audit.again.published import IMPORTED_FORMS, import_table, read_table

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


def _make_job(request: AuditRequest, runs_dir: Path, command: str, resume: str | Path | None = None) -> Job:
    from vulnscope.audit.job import Job

    corpus = load_requested(request.corpus)
    baseline_corpus = load_corpus(request.audit.baseline_corpus) if request.audit.baseline_corpus else None
    return Job(request, request.audit, corpus, baseline_corpus, runs_dir, command, resume, interruptible)
