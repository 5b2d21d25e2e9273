"""Runs of audits, and of rows measured without a model: opened, filled, measured, written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vulnscope import models, store
from vulnscope.audit.answerers import LocalModel, RemoteModel
from vulnscope.audit.job import Job, finish
from vulnscope.audit.requests import AuditResult
from vulnscope.audit.run import carry_out
from vulnscope.errors import EndpointError, InputError

if TYPE_CHECKING:
    from vulnscope.ask.asking import Progress
    from vulnscope.audit.answerers import AskedModel
    from vulnscope.audit.plan import AuditPlan
    from vulnscope.audit.requests import AuditRequest


def run_job(
    job: Job, plan: AuditPlan, open_model: Callable[[], AskedModel], progress: Progress | None = None
) -> AuditResult:
    """An audit in a run of its own. Everything that can be checked was, before the model opens."""
    seated = plan.seat(open_model())
    opened = job.open("audit", seated.digest, seated.device)
    with job.guard(opened), opened as run:
        try:
            record, rows = carry_out(seated.put(run.path), run, job.case(run), progress)
        except EndpointError as error:
            raise EndpointError(
                f"{error}. Answers that came are kept; once the endpoint works, continue with: {run.resume_command}"
            ) from error
        finish(run, record)
    return AuditResult(record, rows, job.corpus, run.path)


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
