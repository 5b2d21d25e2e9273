"""`vulnscope probe` and `vulnscope patch`: what a model knows, and whether it uses that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from vulnscope.cli.common import (
    DataDir,
    Device,
    Dtype,
    Json,
    Revision,
    RunsDir,
    command_line,
    parse_options,
    print_json,
    progress_bar,
    stdout,
)
from vulnscope.cli.requests import choose_request

Model = Annotated[str | None, typer.Argument(help="Hub id, local folder, or `organism`.", show_default=False)]
CorpusName = Annotated[str, typer.Option("--corpus", help="A corpus of `vulnscope corpus list`.")]
CorpusOption = Annotated[
    list[str] | None, typer.Option(help="Loader option KEY=VALUE; repeatable.", metavar="KEY=VALUE")
]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave malformed rows out, counted and listed.")]
Prompts = Annotated[Path | None, typer.Option(help="YAML of your own prompts.", dir_okay=False, show_default=False)]
Cwe = Annotated[list[str] | None, typer.Option(help="Keep this CWE; repeatable.")]
Language = Annotated[list[str] | None, typer.Option(help="Keep this language; repeatable.")]
Limit = Annotated[int | None, typer.Option(help="At most so many samples, whole pairs.", min=1)]
Seed = Annotated[int, typer.Option(help="Of every draw: samples, folds, bootstrap, permutations.", min=0)]
Quantize = Annotated[str | None, typer.Option(help="nf4 loads the weights in 4 bits.", show_default=False)]
Adapter = Annotated[str | None, typer.Option(help="PEFT adapter, folder or Hub id.", show_default=False)]
TrustRemoteCode = Annotated[bool, typer.Option("--trust-remote-code", help="Run code that comes with the model.")]
Resume = Annotated[
    str | None, typer.Option(help="Continue this run: folder, id, or part of the id.", show_default=False)
]
Layer = Annotated[list[int] | None, typer.Option(help="Only this layer, from 0; repeatable.", min=0)]


def probe(
    context: typer.Context,
    model: Model = None,
    corpus: CorpusName = "synthetic",
    data_dir: DataDir = None,
    option: CorpusOption = None,
    skip_bad: SkipBad = False,
    prompts: Prompts = None,
    cwe: Cwe = None,
    language: Language = None,
    limit: Limit = None,
    layer: Layer = None,
    folds: Annotated[int, typer.Option(help="Outer folds, over groups.", min=2)] = 5,
    inner: Annotated[int, typer.Option(help="Inner folds, over groups of the training part.", min=2)] = 3,
    permutations: Annotated[int, typer.Option(help="Within-pair permutations of the whole selection.", min=19)] = 99,
    transfer: Annotated[list[str] | None, typer.Option(help="Read this other corpus too; repeatable.")] = None,
    reinitialise: Annotated[
        bool | None,
        typer.Option(
            "--reinitialise/--no-reinitialise",
            help="Probe the model with fresh random weights too; default: below 1e9 parameters.",
            show_default=False,
        ),
    ] = None,
    seed: Seed = 0,
    revision: Revision = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    quantize: Quantize = None,
    adapter: Adapter = None,
    trust_remote_code: TrustRemoteCode = False,
    resume: Resume = None,
    runs_dir: RunsDir = Path("runs"),
    cached: Annotated[bool, typer.Option("--cache/--no-cache", help="Reuse answers of earlier runs.")] = True,
    as_json: Json = False,
) -> None:
    """Read what MODEL knows out of its hidden states, beside every surface rule and beside what it says."""
    from vulnscope.api.inside import ProbeRequest, run_probe_request

    study = {
        **selection(prompts, cwe, language, limit, seed),
        "layers": tuple(layer or ()),
        "n_folds": folds,
        "n_inner": inner,
        "n_permutations": permutations,
        "transfer": tuple(transfer or ()),
        "reinitialise": reinitialise,
    }
    settings = build_settings("probe", study, context, option or [])
    request = choose_request(context, "probe", ProbeRequest, settings, resume, runs_dir)
    with staged_progress() as tell:
        result = run_probe_request(
            request, runs_dir=runs_dir, resume=resume, is_cached=cached, command=command_line(), progress=tell
        )
    if as_json:
        print_json(result.record)
        return
    from vulnscope.report.probe_panels import print_probe

    print_probe(result.record, stdout)
    stdout.print(f"\nreport: {result.report}", soft_wrap=True, highlight=False)


def patch(
    context: typer.Context,
    model: Model = None,
    corpus: CorpusName = "synthetic",
    data_dir: DataDir = None,
    option: CorpusOption = None,
    skip_bad: SkipBad = False,
    prompts: Prompts = None,
    cwe: Cwe = None,
    language: Language = None,
    limit: Limit = None,
    layer: Layer = None,
    max_pairs: Annotated[int, typer.Option(help="At most so many pairs, drawn over groups.", min=2)] = 64,
    seed: Seed = 0,
    revision: Revision = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    quantize: Quantize = None,
    adapter: Adapter = None,
    trust_remote_code: TrustRemoteCode = False,
    resume: Resume = None,
    runs_dir: RunsDir = Path("runs"),
    as_json: Json = False,
) -> None:
    """Put one twin's activations into the other: does MODEL use what differs between them?"""
    from vulnscope.api.inside import PatchRequest, run_patch_request

    study = {
        **selection(prompts, cwe, language, limit, seed),
        "layers": tuple(layer or ()),
        "max_pairs": max_pairs,
    }
    settings = build_settings("patch", study, context, option or [])
    request = choose_request(context, "patch", PatchRequest, settings, resume, runs_dir)
    with staged_progress() as tell:
        result = run_patch_request(request, runs_dir=runs_dir, resume=resume, command=command_line(), progress=tell)
    if as_json:
        print_json(result.record)
        return
    from vulnscope.report.patch_panels import print_patch

    print_patch(result.record, stdout)
    stdout.print(f"\nreport: {result.report}", soft_wrap=True, highlight=False)


def selection(
    prompts: Path | None, cwe: list[str] | None, language: list[str] | None, limit: int | None, seed: int
) -> dict[str, Any]:
    """The options that choose samples and prompts, as settings."""
    return {
        "prompts_file": None if prompts is None else str(prompts),
        "cwes": tuple(cwe or ()),
        "languages": tuple(language or ()),
        "limit": limit,
        "seed": seed,
    }


def build_settings(room: str, study: dict[str, Any], context: typer.Context, options: list[str]) -> dict[str, Any]:
    """The whole request as plain settings; model and corpus options are those of the command line."""
    given = context.params
    subject = ("revision", "dtype", "device", "quantize", "adapter", "trust_remote_code")
    return {
        "subject": {"name": given["model"] or "", **{name: given[name] for name in subject}},
        "corpus": {
            "name": given["corpus"],
            "data_dir": None if given["data_dir"] is None else str(given["data_dir"]),
            "skip_bad": given["skip_bad"],
            "options": tuple(sorted(parse_options(options).items())),
        },
        room: study,
    }


@contextmanager
def staged_progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar that names the stage it shows."""
    with progress_bar() as bar:
        task = bar.add_task("opening", total=None)
        stage = ""

        def tell(name: str, done: int, total: int) -> None:
            nonlocal stage
            if name != stage:
                stage = name
                bar.reset(task, total=total, description=name)
            bar.update(task, completed=done, total=total)

        yield tell
