"""From the options of a command to what is asked: checked, and on --resume agreeing with what the run was asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from pydantic import ValidationError

from vulnscope.errors import InputError
from vulnscope.records.requests import CorpusRequest, SubjectRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vulnscope.kinds.kind import Kind
    from vulnscope.records.base import Record

Request = TypeVar("Request", bound="Record")

# Options that change neither what is asked nor of whom: a resumed run may be given others.
FREE = frozenset(
    ("resume", "runs_dir", "as_json", "dry_run", "cached", "concurrency", "requests_per_minute", "timeout")
) | {"price_in", "price_out"}
# Fields that are called otherwise than their option.
_FIELDS = {
    "model": "subject.name",
    "corpus": "corpus.name",
    "option": "corpus.options",
    "endpoint": "subject.endpoint.url",
    "api_key_env": "subject.endpoint.key_variable",
    "endpoint_api": "subject.endpoint.api",
    "against": "against.name",
    "against_revision": "against.revision",
    "against_dtype": "against.dtype",
    "against_quantize": "against.quantize",
    "against_adapter": "against.adapter",
}
_ENDPOINT = "subject.endpoint."
_SELECTION = {
    "prompts": "prompts_file",
    "prompt": "prompts",
    "part": "parts",
    "cwe": "cwes",
    "language": "languages",
}


def validate(request: type[Request], settings: Mapping[str, Any]) -> Request:
    """The request; raises `InputError` for what does not fit, such as an endpoint that is no URL."""
    try:
        return request.model_validate(settings)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        message = first["msg"].removeprefix("Value error, ")
        place = ".".join(str(part) for part in first["loc"])
        if isinstance(first["input"], dict):
            # The whole request helps nobody; where settings do not go together the message names them.
            raise InputError(message if first["type"] == "value_error" else f"{place}: {message}") from error
        raise InputError(f"{place} {first['input']!r}: {message}") from error


def validate_new(request: type[Request], settings: Mapping[str, Any]) -> Request:
    """The request of a new study; raises `InputError` where it names no model."""
    asked = validate(request, settings)
    if "subject" in request.model_fields and not _look_up(asked, "subject.name"):
        raise InputError("name a MODEL: a Hub id, a local folder, or `organism`, the embedded one")
    return asked


def choose_request(
    context: typer.Context, kind: Kind, settings: Mapping[str, Any], resume: str | None, runs_dir: Path
) -> Record:
    """What is asked now, or what the run to be continued was asked.

    Every option that the command line gives beside --resume must agree with that run, those of `FREE` apart.
    """
    request = kind.request
    if resume is None:
        return validate_new(request, settings)
    asked = validate(request, settings)
    from vulnscope.api.carry_out import read_stored

    stored: Record = read_stored(kind, resume, runs_dir)
    differences = []
    for name in context.params:
        place = find_field(kind, name)
        if place is None or not is_given(context, name):
            continue
        # Without --endpoint nothing of an endpoint is asked, so its options are compared as they were given.
        was = _look_up(stored, place)
        now = context.params[name] if place.startswith(_ENDPOINT) else _look_up(asked, place)
        if was != now:
            differences.append(f"{name}: {was!r} in the run, {now!r} now")
    if differences:
        raise InputError(
            f"run {resume} was asked something else ({'; '.join(differences)}); drop these to continue it, or start a "
            "new run without --resume"
        )
    return stored


def find_field(kind: Kind, option: str) -> str | None:
    """Where an option's value stands in a request of `kind`; None where it is free or has no place."""
    for own in kind.own_options:
        if own.key == option:
            return f"{kind.place}.{own.field}".lstrip(".") if own.field in kind.config_type.model_fields else None
    if option in FREE:
        return None
    if option in _FIELDS:
        return _FIELDS[option]
    named = _SELECTION.get(option, option)
    if named in kind.selection:
        return f"{kind.place}.{named}"
    for section, record in (("subject", SubjectRequest), ("corpus", CorpusRequest)):
        if option in record.model_fields:
            return f"{section}.{option}"
    return None


def refuse_without(context: typer.Context, needed: str, options: Iterable[str]) -> None:
    """Raise `InputError` where the user gave one of `options` without `needed`, so that it would say nothing."""
    if is_given(context, needed):
        return
    if given := [name for name in options if is_given(context, name)]:
        option, other = (f"--{name.replace('_', '-')}" for name in (given[0], needed))
        raise InputError(f"{option} means nothing without {other}; give {other} too, or leave {option} out")


def is_given(context: typer.Context, name: str) -> bool:
    """Whether the user wrote the option, rather than leaving its default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _look_up(request: Record, place: str) -> Any:
    """The value at a dotted place; None below what is None."""
    value: Any = request
    for name in place.split("."):
        value = None if value is None else getattr(value, name)
    return value
