"""`vulnscope study A --against B`: two models on the same samples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vulnscope.cli.common import command_line, show_record
from vulnscope.cli.options import list_options, read_group
from vulnscope.cli.progress import staged_progress
from vulnscope.cli.requests import choose_request, is_given, refuse_without


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


def is_comparison(context: typer.Context, resume: str | None, runs_dir: Path) -> bool:
    """Whether two models are asked for, now or by the run to be continued; raises `InputError` for half of that."""
    if is_given(context, "against"):
        return True
    if resume is not None:
        from vulnscope import store
        from vulnscope.api.against import KIND

        if store.load_run(resume, runs_dir).manifest.kind == KIND:
            return True
    refuse_without(context, "against", list_options(against_options))
    return False


def run_comparison(
    context: typer.Context,
    settings: dict[str, Any],
    resume: str | None,
    runs_dir: Path,
    *,
    is_cached: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Study both models, or estimate both, and show what differs."""
    from vulnscope.api.against import KIND, estimate_against_request, run_against_request
    from vulnscope.api.requests import AgainstRequest

    shared = {name: context.params[name] for name in ("device", "trust_remote_code")}
    other = {**shared, **read_group(context, against_options)}
    other["dtype"] = other["dtype"] or context.params["dtype"]
    request = choose_request(context, KIND, AgainstRequest, {**settings, "against": other}, resume, runs_dir)
    if dry_run:
        from vulnscope.report.estimate_panels import print_both_estimates

        show_record(estimate_against_request(request), print_both_estimates, as_json=as_json)
        return
    with staged_progress() as tell:
        result = run_against_request(
            request,
            runs_dir=runs_dir,
            resume=resume,
            is_cached=is_cached,
            command=command_line(),
            progress=lambda stage, what, done, total: tell(f"{stage}: {what}", done, total),
        )
    from vulnscope.report.against_panels import print_against

    show_record(result.record, print_against, result.report, as_json=as_json)
