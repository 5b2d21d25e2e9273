"""`vulnscope study`: what a model says, what it knows, and what closes the gap."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vulnscope.cli.against import against_options, is_comparison, run_comparison
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
from vulnscope.cli.preset import run_preset
from vulnscope.cli.progress import staged_progress
from vulnscope.cli.requests import choose_request


@takes(model_options, against_options, corpus_options, selection_options)
def study(
    context: typer.Context,
    change: Annotated[
        list[str] | None,
        typer.Option(
            help="A transformation that keeps labels: comments, dead-code, misleading, rename, strip-comments or "
            "whitespace; repeatable. Default: strip-comments and rename."
        ),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(help="Minutes: fewer pairs, until the estimate of --dry-run fits.", min=0.01, show_default=False),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="Repeat an earlier experiment: starcoder-steering-2025.", show_default=False)
    ] = None,
    resume: Resume = None,
    runs_dir: RunsDir = Path("runs"),
    cached: Cached = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Itemise memory, disk and time from the model's config; load no weights.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Audit, probe, patch and steer MODEL on one corpus: what it says, what it knows, what closes the gap.

    With --against, study a second model on the same samples and compare every figure.
    """
    if preset is not None:
        run_preset(context, preset, resume, runs_dir, as_json=as_json)
        return
    from vulnscope.api.requests import WholeStudyRequest
    from vulnscope.api.studies import estimate_study_request, run_study_request

    chosen = {"changes": tuple(change)} if change else {}
    settings = build_settings("study", context, {**chosen, "budget_minutes": budget})
    if is_comparison(context, resume, runs_dir):
        run_comparison(context, settings, resume, runs_dir, is_cached=cached, dry_run=dry_run, as_json=as_json)
        return
    request = choose_request(context, "study", WholeStudyRequest, settings, resume, runs_dir)
    if dry_run:
        from vulnscope.report.estimate_panels import print_estimate

        show_record(estimate_study_request(request), print_estimate, as_json=as_json)
        return
    with staged_progress() as tell:
        result = run_study_request(
            request,
            runs_dir=runs_dir,
            resume=resume,
            is_cached=cached,
            command=command_line(),
            progress=lambda stage, what, done, total: tell(f"{stage}: {what}", done, total),
        )
    from vulnscope.report.study_panels import print_study

    show_record(result.record, print_study, result.report, as_json=as_json)
