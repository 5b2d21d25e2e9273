"""What an audit checks before a run is made, asks in it, and would take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from vulnscope.audit.answerers import LocalModel, RemoteModel
from vulnscope.audit.case import load_baseline, make_case
from vulnscope.audit.checks import check_place, check_settings
from vulnscope.audit.requests import folder_finder
from vulnscope.audit.run import carry_out, plan_audit
from vulnscope.errors import EndpointError, InputError

if TYPE_CHECKING:
    from vulnscope.audit.answerers import AskedModel
    from vulnscope.audit.config import AuditConfig, AuditRequest
    from vulnscope.audit.plan import Seated
    from vulnscope.corpora import Corpus
    from vulnscope.kinds.context import Context
    from vulnscope.records.audit import AuditForecast, AuditRecord


class Prepared(NamedTuple):
    """Who answers, and the corpus that trains the baselines."""

    seated: Seated
    baseline_corpus: Corpus | None


def check(context: Context[AuditConfig]) -> Prepared:
    """Who is asked what. Everything that can be checked is, before the model opens."""
    request: AuditRequest = context.request
    _check_settings(request)
    corpus, baseline_corpus = context.corpus, load_baseline(context)
    open_model = context.keep(_opening(context))
    plan = plan_audit(corpus, context.settings, folder_finder(request), is_remote=request.subject.endpoint is not None)
    seated = plan.seat(open_model())
    context.identity = seated.digest, seated.device
    return Prepared(seated, baseline_corpus)


def run(context: Context[AuditConfig]) -> AuditRecord:
    """What the model says, measured."""
    prepared: Prepared = context.checked
    case = make_case(context, prepared.baseline_corpus)
    try:
        put = prepared.seated.put(context.run.path)
        return carry_out(put, context.run, case, lambda done, total: context.tell("asking", done, total))
    except EndpointError as error:
        raise EndpointError(
            f"{error}. Answers that came are kept; once the endpoint works, continue with: {context.run.resume_command}"
        ) from error


def forecast(context: Context[AuditConfig]) -> AuditForecast:
    """What would be asked, and the time, memory and disk it would take; asks one batch, writes nothing."""
    _check_settings(context.request)
    spec = context.request.subject.endpoint
    plan = plan_audit(context.corpus, context.settings, folder_finder(context.request), is_remote=spec is not None)
    return plan.estimate(spec or LocalModel(context.subject), time.perf_counter)


def _check_settings(request: AuditRequest) -> None:
    check_place(request.subject)
    check_settings(request.audit, is_remote=request.subject.endpoint is not None)


@contextmanager
def _opening(context: Context[AuditConfig]) -> Iterator[Callable[[], AskedModel]]:
    """What opens the model to be asked, and lets it go at the end."""
    spec = context.request.subject.endpoint
    if spec is None:
        yield lambda: LocalModel(context.subject, context.cache)
        return
    if context.settings.chat is not None:
        raise InputError("chat is for local models; how an endpoint is asked is its api: chat, completions or auto")
    if context.settings.opened_thought != "close":
        raise InputError("--opened-thought is for local models; what an endpoint's template opens is not seen here")
    from vulnscope.models.remote import EndpointClient

    with EndpointClient(spec, context.request.subject.name, key=spec.read_key()) as client:
        yield lambda: RemoteModel(client)
