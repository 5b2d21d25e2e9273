"""The verbs of audits: resume, estimate; measure finished or published answers again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from vulnscope.api.carry_out import build_corpus_request, carry_out, finish, forecast, read_stored
from vulnscope.audit.config import AuditConfig, AuditRequest
from vulnscope.audit.requests import AuditResult, find_weaknesses
from vulnscope.errors import InputError
from vulnscope.kinds.context import Context, load_requested
from vulnscope.kinds.find import find_kind
from vulnscope.records.answers import Expectation, Form
from vulnscope.records.audit import AuditForecast
from vulnscope.records.requests import SubjectRequest


def resume_audit(run: str | Path, runs_dir: str | Path = "runs") -> AuditResult:
    """The interrupted audit `run` (folder, id, or a unique part of the id) carried to its end."""
    kind = find_kind("audit")
    request = read_stored(kind, run, Path(runs_dir))
    context: Context[AuditConfig] = Context(kind, request, Path(runs_dir), resume=run)
    return finish(context, carry_out(context), AuditResult)


def estimate_audit(request: AuditRequest) -> AuditForecast:
    """What the audit would ask, and the time, memory and disk it would take; asks one batch, writes nothing."""
    return cast(AuditForecast, forecast(Context(find_kind("audit"), request)))


def rescore_run(
    run: str | Path, parser: str = "strict", runs_dir: str | Path = "runs", *, command: str = ""
) -> AuditResult:
    """The finished run `run` parsed anew and measured again, as a run of its own; opens no model."""
    from vulnscope import store

    stored = store.load_run(run, Path(runs_dir))
    request = AuditRequest.model_validate(stored.manifest.config)
    again = request.model_copy(update={"audit": request.audit.model_copy(update={"parser": parser})})
    return _measure("rescore", again, runs_dir, command, run=stored)


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
    from vulnscope.audit.again.published import IMPORTED_FORMS, read_table, sort_table
    from vulnscope.audit.again.rescore import open_reader

    if form not in IMPORTED_FORMS:
        raise InputError(f"answers have no form {form!r} in a table; choose one of: {', '.join(IMPORTED_FORMS)}")
    answers = read_table(Path(table))
    request = AuditRequest(
        subject=SubjectRequest(name=str(table)),
        corpus=build_corpus_request(corpus, data_dir, skip_bad=skip_bad, corpus_options=corpus_options),
        audit=AuditConfig(parser=parser, protocol=f"imported:{form}", **settings),
    )
    corpus_asked = load_requested(request.corpus)
    reader = open_reader(parser, find_weaknesses(request))
    found = sort_table(answers, corpus_asked, reader, Expectation(form=cast(Form, form)))
    return tuple(
        _measure("import", request, runs_dir, command, model=model, imported=imported)
        for model, imported in found.items()
    )


def _measure(name: str, request: AuditRequest, runs_dir: str | Path, command: str, **words: Any) -> AuditResult:
    context: Context[AuditConfig] = Context(find_kind(name), request, Path(runs_dir), command=command, words=words)
    return finish(context, carry_out(context), AuditResult)
