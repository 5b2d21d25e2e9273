"""Options that several commands take: said once, put into each command's signature, turned into settings.

A group is a function from options to settings. `takes` gives a command the options of its groups beside its own, and
`read_group` the settings that the user chose with them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from copy import copy
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

import typer
from typer.models import OptionInfo

from vulnscope.errors import InputError

Command = TypeVar("Command", bound=Callable[..., Any])
Settings = TypeVar("Settings")

Model = Annotated[str | None, typer.Argument(help="Hub id, local folder, or `organism`.", show_default=False)]
Revision = Annotated[str | None, typer.Option(help="Branch, tag or commit of a Hub model.", show_default=False)]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps, ...")]
Dtype = Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")]
Quantize = Annotated[str | None, typer.Option(help="nf4 loads the weights in 4 bits.", show_default=False)]
Adapter = Annotated[str | None, typer.Option(help="PEFT adapter, folder or Hub id.", show_default=False)]
LayersPath = Annotated[
    str | None, typer.Option(help="Path of the decoder layers where the rule cannot decide.", show_default=False)
]
TrustRemoteCode = Annotated[bool, typer.Option("--trust-remote-code", help="Run code that comes with the model.")]
DataDir = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the corpus in its published layout; default: $VULNSCOPE_DATA/NAME where that is set.",
        show_default=False,
    ),
]
LoaderOption = Annotated[
    list[str] | None, typer.Option(help="Loader option KEY=VALUE; repeatable.", metavar="KEY=VALUE")
]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave malformed rows out, counted and listed.")]
Part = Annotated[list[str] | None, typer.Option(help="Keep this part of the corpus; repeatable.")]
Cwe = Annotated[list[str] | None, typer.Option(help="Keep this CWE, such as CWE-89; repeatable.")]
Language = Annotated[list[str] | None, typer.Option(help="Keep this language, such as c; repeatable.")]
Limit = Annotated[int | None, typer.Option(help="At most so many samples, pairs whole, over many groups.", min=1)]
Resume = Annotated[
    str | None, typer.Option(help="Continue this run: folder, id, or part of the id.", show_default=False)
]
RunsDir = Annotated[
    Path, typer.Option(envvar="VULNSCOPE_RUNS", help="Folder that holds the run folders.", file_okay=False)
]
Cached = Annotated[bool, typer.Option("--cache/--no-cache", help="Reuse answers of earlier runs.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result record as JSON on stdout.")]


def model_options(
    model: Model = None,
    revision: Revision = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    quantize: Quantize = None,
    adapter: Adapter = None,
    layers_path: LayersPath = None,
    trust_remote_code: TrustRemoteCode = False,
) -> dict[str, Any]:
    """Which model is opened and how."""
    return {
        "name": model or "",
        "revision": revision,
        "device": device,
        "dtype": dtype,
        "quantize": quantize,
        "adapter": adapter,
        "layers_path": layers_path,
        "trust_remote_code": trust_remote_code,
    }


def corpus_options(
    corpus: Annotated[str, typer.Option(help="A corpus of `vulnscope corpus list`.")] = "synthetic",
    data_dir: DataDir = None,
    option: LoaderOption = None,
    skip_bad: SkipBad = False,
) -> dict[str, Any]:
    """Which corpus is loaded and how."""
    return {
        "name": corpus,
        "data_dir": path_text(data_dir),
        "skip_bad": skip_bad,
        "options": tuple(sorted(parse_options(option or []).items())),
    }


def selection_options(
    prompts: Annotated[
        Path | None, typer.Option(help="YAML of your own prompts.", dir_okay=False, show_default=False)
    ] = None,
    prompt: Annotated[
        list[str] | None, typer.Option(help="Ask this prompt of the protocol; repeatable, the first is canonical.")
    ] = None,
    opened_thought: Annotated[
        str,
        typer.Option(help="A thought that the chat template opens before the answer: close, refuse, or keep it open."),
    ] = "close",
    part: Part = None,
    cwe: Cwe = None,
    language: Language = None,
    limit: Limit = None,
    seed: Annotated[int, typer.Option(help="Of every draw: samples, folds, bootstrap, permutations.", min=0)] = 0,
    max_batch_tokens: Annotated[
        int | None, typer.Option(help="Tokens per batch; default from free memory.", min=1, show_default=False)
    ] = None,
) -> dict[str, Any]:
    """Which samples are asked, with which prompts."""
    return {
        "prompts_file": path_text(prompts),
        "prompts": tuple(prompt or ()),
        "opened_thought": opened_thought,
        "parts": tuple(part or ()),
        "cwes": tuple(cwe or ()),
        "languages": tuple(language or ()),
        "limit": limit,
        "seed": seed,
        "max_batch_tokens": max_batch_tokens,
    }


def endpoint_options(
    endpoint: Annotated[
        str | None,
        typer.Option(help="Base URL of an OpenAI-compatible server; MODEL is its name there.", show_default=False),
    ] = None,
    endpoint_api: Annotated[
        str, typer.Option(help="chat, completions (base models), or auto: chat where the server chats with MODEL.")
    ] = "chat",
    api_key_env: Annotated[
        str | None, typer.Option(help="Environment variable that holds the API key.", show_default=False)
    ] = None,
    concurrency: Annotated[int, typer.Option(help="Requests to the endpoint at once.", min=1)] = 4,
    requests_per_minute: Annotated[
        float | None, typer.Option(help="Ask the endpoint no faster.", min=0.01, show_default=False)
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds for one request to the endpoint.", min=0.1)] = 120.0,
    price_in: Annotated[
        float | None, typer.Option(help="Price of a million prompt tokens, for --dry-run.", show_default=False)
    ] = None,
    price_out: Annotated[
        float | None, typer.Option(help="Price of a million written tokens, for --dry-run.", show_default=False)
    ] = None,
) -> dict[str, Any] | None:
    """Where the model answers, if not here."""
    if endpoint is None:
        return None
    return {
        "url": endpoint,
        "api": endpoint_api,
        "key_variable": api_key_env,
        "concurrency": concurrency,
        "requests_per_minute": requests_per_minute,
        "timeout_seconds": timeout,
        "price_in": price_in,
        "price_out": price_out,
    }


def against_options(
    against: Annotated[
        str | None, typer.Option(help="Study this model too and compare both.", metavar="MODEL", show_default=False)
    ] = None,
    against_revision: Annotated[
        str | None, typer.Option(help="Branch, tag or commit of the other model.", show_default=False)
    ] = None,
    against_dtype: Annotated[
        str | None, typer.Option(help="Of the other model; default: that of --dtype.", show_default=False)
    ] = None,
    against_quantize: Annotated[
        str | None, typer.Option(help="nf4 loads the other model in 4 bits.", show_default=False)
    ] = None,
    against_adapter: Annotated[
        str | None, typer.Option(help="PEFT adapter of the other model.", show_default=False)
    ] = None,
) -> dict[str, Any]:
    """The model to compare with, and how it is opened."""
    return {
        "name": against or "",
        "revision": against_revision,
        "dtype": against_dtype,
        "quantize": against_quantize,
        "adapter": against_adapter,
    }


def takes(*groups: Callable[..., Any], more: Sequence[inspect.Parameter] = ()) -> Callable[[Command], Command]:
    """Give a command the options of `groups` after its own, a panel of its help each; its context has their values.

    Those of `more` stand among its own, before the last.
    """

    def extend(command: Command) -> Command:
        own = _parameters(command)
        shared = [_in_panel_of(group, parameter) for group in groups for parameter in _parameters(group)]
        shown = [*own[:-1], *more, *own[-1:], *shared]

        @wraps(command)
        def run(**given: Any) -> Any:
            return command(**{parameter.name: given[parameter.name] for parameter in own})

        run.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
        return run  # type: ignore[return-value]

    return extend


def list_names(group: Callable[..., Any]) -> tuple[str, ...]:
    """Names of the options of `group`, as a context has them."""
    return tuple(parameter.name for parameter in _parameters(group))


def read_group(context: typer.Context, group: Callable[..., Settings]) -> Settings:
    """The settings that the command line gives with the options of `group`."""
    return group(**{name: context.params[name] for name in list_names(group)})


def parse_options(options: list[str], flag: str = "--option") -> dict[str, str]:
    """`["code=func"]` as `{"code": "func"}`; raises `InputError` on a word without `=` or a key given twice."""
    parsed: dict[str, str] = {}
    for option in options:
        key, separator, value = option.partition("=")
        if not separator or not key:
            raise InputError(f"{flag} {option!r} is not of the form KEY=VALUE")
        if key in parsed:
            raise InputError(f"{flag} {key} is given twice: {parsed[key]!r} and {value!r}")
        parsed[key] = value
    return parsed


def path_text(path: Path | None) -> str | None:
    """A path as a request stores it."""
    return None if path is None else str(path)


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    found = inspect.signature(function, eval_str=True).parameters.values()
    return [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in found]


def _in_panel_of(group: Callable[..., Any], parameter: inspect.Parameter) -> inspect.Parameter:
    kind, shown = get_args(parameter.annotation)
    if not isinstance(shown, OptionInfo):
        return parameter
    shown = copy(shown)
    shown.rich_help_panel = group.__name__.replace("_", " ").capitalize()
    return parameter.replace(annotation=Annotated[kind, shown])
