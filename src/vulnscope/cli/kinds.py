"""The command of a kind of study, made from its declaration: options out of its config, then its run and its result."""

from __future__ import annotations

import inspect
import operator
import types
from collections.abc import Callable, Mapping
from functools import partial, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import typer

from vulnscope.cli.common import command_line, show_record, stderr
from vulnscope.cli.options import (
    Cached,
    Json,
    Resume,
    RunsDir,
    against_options,
    corpus_options,
    endpoint_options,
    list_names,
    model_options,
    parse_options,
    read_group,
    selection_options,
    takes,
)
from vulnscope.cli.progress import staged_progress
from vulnscope.cli.resume_check import FREE, choose_request, is_given, refuse_without
from vulnscope.errors import InputError
from vulnscope.kinds.find import find_kind
from vulnscope.kinds.kind import Kind, Option, load, print_page

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

_GROUPS: dict[str, Callable[..., Any]] = {
    "subject": model_options,
    "endpoint": endpoint_options,
    "against": against_options,
    "corpus": corpus_options,
}
_OPTIONAL = ("endpoint", "against")
_PAIRS = tuple[tuple[str, str], ...]


def make_command(kind: Kind) -> Callable[..., None]:
    """The command of `kind`: its own options, those every study has, and a panel per input."""

    def command(context: typer.Context, **_: Any) -> None:
        run_command(context, kind)

    shared: dict[str, tuple[Any, Any]] = {}
    if kind.resumes != "not":
        shared["resume"] = Resume, None
    shared["runs_dir"] = RunsDir, Path("runs")
    if kind.is_cached:
        shared["cached"] = Cached, True
    if kind.forecast:
        shared["dry_run"] = Annotated[bool, typer.Option("--dry-run", help=kind.dry_run_help)], False
    shared["as_json"] = Json, False
    made = {"context": (typer.Context, inspect.Parameter.empty)}
    made |= {option.key: _describe(kind, option) for option in kind.own_options} | shared
    command.__signature__ = inspect.Signature(_parameters(made))  # type: ignore[attr-defined]
    command.__doc__ = kind.help
    return takes(*list_groups(max((kind, *map(find_kind, kind.variants)), key=lambda each: len(each.inputs))))(command)


def list_parameters(kind: Kind, *fields: str) -> list[inspect.Parameter]:
    """The options of `fields` of a kind, for a command that is not made from it."""
    return _parameters({own.key: _describe(kind, own) for own in kind.own_options if own.field in fields})


def _parameters(made: Mapping[str, tuple[Any, Any]]) -> list[inspect.Parameter]:
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)
        for name, (annotation, default) in made.items()
    ]


def list_groups(kind: Kind) -> list[Callable[..., Any]]:
    """The groups of options that go with what the kind takes in."""
    found = [_GROUPS[name] for name in kind.inputs if name in _GROUPS]
    return [*found, selection_options] if kind.selection else found


def run_command(context: typer.Context, kind: Kind) -> None:
    """Carry out what the command line asks of `kind` or of one of its variants, and show its result."""
    from vulnscope.api.carry_out import carry_out, forecast
    from vulnscope.kinds.context import Context

    params = context.params
    resume, runs_dir, as_json = params.get("resume"), Path(params["runs_dir"]), params["as_json"]
    is_cached = params.get("cached", True)
    words = {option.key: params[option.key] for option in kind.own_options if option.type is not None}
    kind = choose_variant(context, kind, resume, runs_dir)
    for name, group in _GROUPS.items():
        if name in _OPTIONAL and name in params and (resume is None or name not in kind.inputs):
            refuse_without(context, name, list_names(group))
    if resume is None:
        for option in kind.own_options:
            if option.missing and params[option.key] is None:
                raise InputError(option.missing)
            if option.needs:
                refuse_without(context, option.needs, (option.key,))
    request = choose_request(context, kind, read_settings(context, kind, words), resume, runs_dir)
    asked: Context[Any] = Context(kind, request, runs_dir, resume, is_cached, command_line(), words=words)
    if params.get("dry_run"):
        show_record(forecast(asked), partial(print_page, kind.forecast_page), as_json=as_json)
        return
    if kind.aside and (shown := load(kind.aside)(asked, **words)) is not None:
        show_record(shown, partial(print_page, kind.aside_page), as_json=as_json)
        return
    if kind.note_page:
        asked.note = lambda found: print_page(kind.note_page, found, stderr)
    with staged_progress() as asked.progress:
        done = carry_out(asked)
    show_record(done.record, kind.print, done.report, as_json=as_json)
    if kind.has_findings and load(kind.has_findings)(done.record):
        raise typer.Exit(1)


def choose_variant(context: typer.Context, kind: Kind, resume: str | None, runs_dir: Path) -> Kind:
    """The kind that is asked for; raises `InputError` for options that it does not take."""
    from vulnscope import store

    running = store.load_run(resume, runs_dir).manifest.kind if kind.variants and resume is not None else None
    for variant in map(find_kind, kind.variants):
        said = context.params[variant.chosen_by]
        if said is None and not (variant.is_resumed_by_kind and running == variant.name):
            continue
        if variant.refuses:
            _refuse_others(context, variant)
        return variant
    return kind


def _refuse_others(context: typer.Context, kind: Kind) -> None:
    taken = {name for group in list_groups(kind) for name in list_names(group)} | FREE | {kind.chosen_by}
    taken |= {option.key for option in kind.own_options}
    taken -= set() if kind.forecast else {"dry_run"}
    if given := [name for name in context.params if name not in taken and is_given(context, name)]:
        shown = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise InputError(f"{kind.refuses} and takes no {shown}; leave it out")


def read_settings(context: typer.Context, kind: Kind, words: Mapping[str, Any]) -> dict[str, Any]:
    """The whole request as the command line gives it, with the options that the command has."""
    own: dict[str, Any] = {}
    if kind.selection:
        own |= read_group(context, selection_options)
    for option in kind.own_options:
        given = context.params.get(option.key)
        found = kind.config_type.model_fields.get(option.field)
        if found is not None and given not in (None, (), []):
            own[option.field] = _as_setting(found, given, option)
    if not kind.place:
        return own
    sections = [name for name in kind.inputs if name in kind.request.model_fields]
    whole: dict[str, Any] = {name: read_group(context, _GROUPS[name]) for name in sections}
    if "endpoint" in kind.inputs:
        whole["subject"]["endpoint"] = read_group(context, endpoint_options)
    if "against" in kind.inputs:
        alike = {name: whole["subject"][name] for name in ("device", "trust_remote_code")}
        whole["against"] |= {**alike, "dtype": whole["against"]["dtype"] or whole["subject"]["dtype"]}
    begun = load(kind.begin)(words) if kind.begin else {}
    if "corpus" in begun and not is_given(context, "corpus"):
        whole["corpus"] |= begun["corpus"]
    return {**whole, kind.place: begun.get(kind.place, {}) | own}


def _describe(kind: Kind, option: Option) -> tuple[Any, Any]:
    """Annotation and default of an option, as typer reads them."""
    found = kind.config_type.model_fields.get(option.field)
    kept: dict[str, Any] = {"help": option.help or _explain(found), "metavar": option.metavar}
    if option.path:
        kept |= {"file_okay": option.path != "folder", "dir_okay": option.path != "file"}
    if found is None:
        return Annotated[option.type, typer.Option(min=option.least, **kept)], option.default
    kind_of, default = _command_type(found), found.default
    if kind_of == _PAIRS:
        kind_of, default = list[str] | None, None
        kept["metavar"] = "KEY=VALUE"
    elif get_origin(kind_of) is tuple:
        kind_of, default = list[get_args(kind_of)[0]] | None, None  # type: ignore[misc]
    elif kind_of in (bool, bool | None):
        flag = option.key.replace("_", "-")
        flags = (f"--{flag}",) if default is False else (f"--{flag}/--no-{flag}",)
        return Annotated[kind_of, typer.Option(*flags, **kept)], default
    elif option.path:
        kind_of = Path if kind_of is str else Path | None
    elif kind_of == str | None:
        default = None
    kept |= {"min": _bound(found, "ge", option.least), "max": _bound(found, "le", option.most)}
    if option.is_argument:
        return Annotated[Path | None, typer.Argument(**{k: v for k, v in kept.items() if v is not None})], None
    return Annotated[kind_of, typer.Option(**kept)], default


def _as_setting(found: FieldInfo, given: Any, option: Option) -> Any:
    """What was given, as a config has it; an empty word says none where a field may have none."""
    if found.annotation == _PAIRS:
        return tuple(sorted(parse_options(list(given), f"--{option.key.replace('_', '-')}").items()))
    if given == "" and type(None) in _members(found.annotation):
        return None
    if option.path:
        return str(given)
    return tuple(given) if isinstance(given, list | tuple) else given


def _command_type(found: FieldInfo) -> Any:
    """The type of a field as words can give it: a choice among words is a word."""
    parts = [str if get_origin(part) is Literal else part for part in _members(found.annotation)]
    return reduce(operator.or_, parts)


def _members(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)


def _bound(found: FieldInfo, side: str, shown: float | None) -> float | None:
    """The bound of a field, unless another is shown."""
    bounds = (getattr(each, side, None) for each in found.metadata)
    return next((bound for bound in (shown, *bounds) if bound is not None), None)


def _explain(found: FieldInfo | None) -> str:
    """The description of a field as a sentence."""
    said = (found.description or "") if found is not None else ""
    return said if said.endswith(".") or not said else f"{said[0].upper()}{said[1:]}."
