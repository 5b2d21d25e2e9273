"""`vulnscope study A --against B`: two models on the same samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from vulnscope.cli.common import command_line, show_record
from vulnscope.cli.inside import staged_progress
from vulnscope.cli.requests import choose_request, is_given
from vulnscope.errors import InputError

_OWN = ("revision", "dtype", "quantize", "adapter")


def is_comparison(context: typer.Context, resume: str | None, runs_dir: Path) -> bool:
    """Whether two models are asked for, now or by the run to be continued; raises `InputError` for half of that."""
    if is_given(context, "against"):
        return True
    if given := [name for name in _OWN if context.params[f"against_{name}"] is not None]:
        raise InputError(f"--against-{given[0]} says how the other model is opened; name that model with --against")
    if resume is None:
        return False
    from vulnscope import store
    from vulnscope.api.against import KIND

    return store.load_run(resume, runs_dir).manifest.kind == KIND


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
    from vulnscope.api.against import KIND, AgainstRequest, estimate_against_request, run_against_request

    given = context.params
    shared = {name: given[name] for name in ("device", "trust_remote_code")}
    own = {name: given[f"against_{name}"] for name in _OWN}
    other = {"name": given["against"] or "", **shared, **own, "dtype": own["dtype"] or given["dtype"]}
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
