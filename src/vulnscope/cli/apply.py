"""`vulnscope steer apply`: a stored intervention, or vectors of a file, on a corpus or on one text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vulnscope.cli.common import command_line, show_record
from vulnscope.cli.options import (
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
from vulnscope.errors import InputError


@takes(model_options, corpus_options, selection_options)
def apply(
    context: typer.Context,
    source: Annotated[
        Path | None,
        typer.Argument(
            help="A folder with intervention.json, such as RUN/interventions/NAME, or a vector file.",
            metavar="INTERVENTION",
            show_default=False,
        ),
    ] = None,
    vector: Annotated[
        list[str] | None, typer.Option(help="Vector file: which vectors, * stands for anything; repeatable.")
    ] = None,
    scale: Annotated[
        float | None, typer.Option(help="Vector file: how far; above 0 is towards vulnerable.", show_default=False)
    ] = None,
    operation: Annotated[
        str | None,
        typer.Option(help="Vector file: add (default), project-out, clamp, scale-component.", show_default=False),
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option(help="Vector file: norm (default), in median activation norms, or raw.", show_default=False),
    ] = None,
    selector: Annotated[
        str | None,
        typer.Option(help="Vector file: tokens to edit; default: those it was read from.", show_default=False),
    ] = None,
    keep_norm: Annotated[
        bool, typer.Option("--keep-norm", help="Keep the norm of each activation (add only).")
    ] = False,
    controls: Annotated[int, typer.Option(help="Directions of each control; 0 for none, and no claim.", min=0)] = 20,
    ordinary: Annotated[
        Path | None, typer.Option(help="Folder of ordinary code for side effects.", file_okay=False, show_default=False)
    ] = None,
    side_effects: Annotated[
        bool, typer.Option("--side-effects/--no-side-effects", help="Measure what it costs elsewhere.")
    ] = True,
    text: Annotated[
        str | None,
        typer.Option(help="Show what MODEL writes after this text instead of asking a corpus.", show_default=False),
    ] = None,
    tokens: Annotated[int, typer.Option(help="With --text: so many tokens are written.", min=1)] = 50,
    force: Annotated[bool, typer.Option("--force", help="Take vectors that were found in another model.")] = False,
    resume: Resume = None,
    runs_dir: RunsDir = Path("runs"),
    as_json: Json = False,
) -> None:
    """Apply a stored INTERVENTION to MODEL on a corpus, paired with the un-steered answers, or show one text."""
    from vulnscope.api.steering import ApplyRequest, run_apply_request, write_steered

    if source is None and resume is None:
        raise InputError("name an INTERVENTION: a folder with intervention.json, or a vector file; or --resume a run")
    if text is not None and resume is not None:
        raise InputError("--text shows one text and makes no run; leave out --resume")
    study: dict[str, Any] = {
        "source": "" if source is None else str(source),
        "vectors": tuple(vector or ()),
        "operation": operation,
        "scale": scale,
        "unit": unit,
        "selector": selector,
        "keep_norm": keep_norm,
        "is_forced": force,
        "n_controls": controls,
        "side_effects": side_effects,
        "ordinary": None if ordinary is None else str(ordinary),
    }
    settings = build_settings("apply", context, study)
    request = choose_request(context, "apply", ApplyRequest, settings, resume, runs_dir)
    if text is not None:
        from vulnscope.report.apply_panels import print_steered

        show_record(write_steered(request, text, tokens), print_steered, as_json=as_json)
        return
    with staged_progress() as tell:
        result = run_apply_request(request, runs_dir=runs_dir, resume=resume, command=command_line(), progress=tell)
    from vulnscope.report.apply_panels import print_apply

    show_record(result.record, print_apply, result.report, as_json=as_json)
