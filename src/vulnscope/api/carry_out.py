"""From what is asked to a finished run, for every kind of study alike."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from vulnscope.errors import CorruptData, InputError
from vulnscope.kinds.context import Context
from vulnscope.kinds.early import check_request
from vulnscope.kinds.find import find_kind
from vulnscope.kinds.kind import Finished, Kind, load
from vulnscope.records.endpoints import EndpointSpec
from vulnscope.records.requests import CorpusRequest, SubjectRequest

if TYPE_CHECKING:
    from vulnscope.records.base import Record

Result = TypeVar("Result", bound=Finished[Any])


def carry_out(context: Context[Any]) -> Finished[Any]:
    """Check everything, open model, corpus and run, do the work, and write report and result."""
    kind = context.kind
    check_request(context.request, context.settings, context.kind.inputs)
    if kind.resumes == "not" and context.resume is not None:
        raise InputError(f"a {kind.name} run cannot be continued; start a new one without --resume")
    with context:
        context.checked = load(kind.check)(context) if kind.check else None
        with context.opened() as run:
            record = load(kind.run)(context)
            run.write_report(kind.render(record))
            run.write_result(record)
    return Finished(record, run.path)


def finish(context: Context[Any], done: Finished[Any], result: type[Result]) -> Result:
    """What was carried out, as what its verb returns."""
    if context.kind.result:
        return cast(Result, load(context.kind.result).complete(context, done))
    return result(record=done.record, folder=done.folder)


def run_request(
    name: str, request: Record | Mapping[str, Any], *, runs_dir: str | Path = "runs", **how: Any
) -> Finished[Any]:
    """A run of the kind `name` for a request, as a run stores it; `how` are further fields of a `Context`."""
    kind = find_kind(name)
    return carry_out(Context(kind, kind.request.model_validate(request), Path(runs_dir), **how))


def forecast(context: Context[Any]) -> Record:
    """What the run would take; weights are read only where the kind has to ask a batch."""
    check_request(context.request, context.settings, context.kind.inputs)
    found: Record = load(context.kind.forecast)(context)
    return found


def ask(
    name: str, result: type[Result], model: str, corpus: str, runs_dir: str | Path, options: Mapping[str, Any]
) -> Result:
    """A run of the kind `name` with keyword options, from its beginning to its end."""
    kind = find_kind(name)
    context: Context[Any] = Context(kind, build_request(kind, model, corpus, options), Path(runs_dir))
    return finish(context, carry_out(context), result)


def build_request(kind: Kind, model: str, corpus: str, options: Mapping[str, Any]) -> Any:
    """The request of `kind` out of keyword options: of model, of corpus, and of its own settings."""
    subject, source, settings = split_options(model, corpus, options)
    return kind.request.model_validate({"subject": subject, "corpus": source, kind.place: kind.config_type(**settings)})


def split_options(
    model: str, corpus: str, options: Mapping[str, Any]
) -> tuple[SubjectRequest, CorpusRequest, dict[str, Any]]:
    """Requests for model and corpus out of keyword options, and the options left over."""
    rest = dict(options)
    asked = {name: rest.pop(name) for name in SubjectRequest.model_fields if name in rest}
    if isinstance(asked.get("endpoint"), str):
        asked["endpoint"] = EndpointSpec(url=asked["endpoint"])
    named = {name: rest.pop(name) for name in ("data_dir", "skip_bad", "corpus_options") if name in rest}
    return SubjectRequest(**{"name": model, **asked}), build_corpus_request(corpus, **named), rest


def build_corpus_request(
    name: str,
    data_dir: str | Path | None = None,
    *,
    skip_bad: bool = False,
    corpus_options: Mapping[str, Any] | None = None,
) -> CorpusRequest:
    """The corpus `name` as it is asked for; options are the loader's own."""
    return CorpusRequest(
        name=name,
        data_dir=None if data_dir is None else str(data_dir),
        skip_bad=skip_bad,
        options=tuple(sorted((key, str(value)) for key, value in (corpus_options or {}).items())),
    )


def read_stored(kind: Kind, run: str | Path, runs_dir: Path) -> Any:
    """What the run of this kind was asked to do; raises `InputError` for a run of another kind."""
    from pydantic import ValidationError

    from vulnscope import store
    from vulnscope.store.manifest import explain_file

    stored = store.load_run(run, runs_dir)
    manifest = stored.manifest
    if manifest.kind != kind.name:
        raise InputError(
            f"run {manifest.id} is no {kind.name} but a {manifest.kind} run; resume it with its own command"
        )
    try:
        return kind.request.model_validate(manifest.config)
    except ValidationError as error:
        raise CorruptData(
            f"{stored.path}/manifest.json: config.{explain_file(error)}; the run cannot be continued"
        ) from error
