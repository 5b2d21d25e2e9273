"""`vulnscope study`: what a model says, what it knows, and what closes the gap."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vulnscope.cli.against import is_comparison, run_comparison
from vulnscope.cli.common import DataDir, Device, Dtype, Json, Revision, RunsDir, command_line, show_record
from vulnscope.cli.inside import (
    Adapter,
    CorpusName,
    CorpusOption,
    Cwe,
    Language,
    Limit,
    Model,
    Prompts,
    Quantize,
    Resume,
    Seed,
    SkipBad,
    TrustRemoteCode,
    build_settings,
    selection,
    staged_progress,
)
from vulnscope.cli.preset import run_preset
from vulnscope.cli.requests import choose_request


def study(
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
    change: Annotated[
        list[str] | None,
        typer.Option(help="A transformation that keeps labels; repeatable. Default: strip-comments and rename."),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(help="Minutes: fewer pairs, until the estimate of --dry-run fits.", min=0.01, show_default=False),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="Repeat an earlier experiment: starcoder-steering-2025.", show_default=False)
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
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Itemise memory, disk and time from the model's config; load no weights.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Audit, probe, patch and steer MODEL on one corpus: what it says, what it knows, what closes the gap.

    With --against, study a second model on the same samples and compare every figure.
    """
    if preset is not None:
        run_preset(context, preset, option or [], resume, runs_dir, as_json=as_json)
        return
    from vulnscope.api.studies import WholeStudyRequest, estimate_study_request, run_study_request

    settings = build_settings(
        "study",
        {
            **selection(prompts, cwe, language, limit, seed),
            **({"changes": tuple(change)} if change else {}),
            "budget_minutes": budget,
        },
        context,
        option or [],
    )
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
