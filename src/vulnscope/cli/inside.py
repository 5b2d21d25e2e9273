"""`vulnscope probe`: what a model knows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vulnscope.cli.common import command_line, show_record
from vulnscope.cli.options import (
    Cached,
    Json,
    Resume,
    RunsDir,
    build_settings,
    corpus_options,
    model_options,
    selection_options,
    takes,
)
from vulnscope.cli.progress import staged_progress
from vulnscope.cli.requests import choose_request

Layer = Annotated[list[int] | None, typer.Option(help="Only this layer, from 0; repeatable.", min=0)]


@takes(model_options, corpus_options, selection_options)
def probe(
    context: typer.Context,
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
    resume: Resume = None,
    runs_dir: RunsDir = Path("runs"),
    cached: Cached = True,
    as_json: Json = False,
) -> None:
    """Read what MODEL knows out of its hidden states, beside every surface rule and beside what it says."""
    from vulnscope.api.inside import ProbeRequest, run_probe_request

    study = {
        "layers": tuple(layer or ()),
        "n_folds": folds,
        "n_inner": inner,
        "n_permutations": permutations,
        "transfer": tuple(transfer or ()),
        "reinitialise": reinitialise,
    }
    settings = build_settings("probe", context, study)
    request = choose_request(context, "probe", ProbeRequest, settings, resume, runs_dir)
    with staged_progress() as tell:
        result = run_probe_request(
            request, runs_dir=runs_dir, resume=resume, is_cached=cached, command=command_line(), progress=tell
        )
    from vulnscope.report.probe_panels import print_probe

    show_record(result.record, print_probe, result.report, as_json=as_json)
