"""`vulnscope audit`: what a model says about a corpus."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from vulnscope.cli.common import command_line, print_json, show_record, stdout
from vulnscope.cli.options import (
    Cached,
    Json,
    Resume,
    RunsDir,
    build_settings,
    corpus_options,
    endpoint_options,
    list_options,
    model_options,
    parse_options,
    path_text,
    read_group,
    selection_options,
    takes,
)
from vulnscope.cli.progress import counted_progress
from vulnscope.cli.requests import choose_request, refuse_without
from vulnscope.records.base import NotMeasured, Number

if TYPE_CHECKING:
    from vulnscope.records.audit import AuditEstimate


@takes(model_options, endpoint_options, corpus_options, selection_options)
def audit(
    context: typer.Context,
    protocol: Annotated[
        str, typer.Option(help="How it is asked: yes-no, which-cwe, primevul, secllmholmes, free-text or locate.")
    ] = "yes-no",
    preset: Annotated[
        str | None,
        typer.Option(
            help="An experiment of the protocol: secllmholmes has determinism, temperature, robustness, real-world.",
            show_default=False,
        ),
    ] = None,
    protocol_option: Annotated[
        list[str] | None, typer.Option(help="Setting KEY=VALUE of the protocol; repeatable.", metavar="KEY=VALUE")
    ] = None,
    parser: Annotated[str, typer.Option(help="How answers in words are read: strict or keyword.")] = "strict",
    temperature: Annotated[
        list[float] | None, typer.Option(help="Of answers in words, 0 is greedy; repeatable.", min=0)
    ] = None,
    repeats: Annotated[
        int | None, typer.Option(help="Answers per prompt and temperature.", min=1, show_default=False)
    ] = None,
    max_new_tokens: Annotated[int, typer.Option(help="Longest answer in words per turn.", min=1)] = 512,
    baseline_corpus: Annotated[
        str | None, typer.Option(help="Train the n-gram baseline on this corpus.", show_default=False)
    ] = None,
    check_leaks: Annotated[
        bool, typer.Option("--check-leaks", help="Put a leak audit of the corpus into the report.")
    ] = False,
    background: Annotated[
        Path | None,
        typer.Option(
            help="Folder of ordinary source code: how often does it raise false alarms there?",
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    background_limit: Annotated[int, typer.Option(help="At most so many functions of it.", min=1)] = 2000,
    prevalence: Annotated[
        float,
        typer.Option(
            help="Share of vulnerable functions where it will be used, for the precision.", min=1e-6, max=0.99
        ),
    ] = 0.01,
    resume: Resume = None,
    runs_dir: RunsDir = Path("runs"),
    cached: Cached = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print settings and an estimate; ask nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Ask MODEL whether code is vulnerable, and measure what it says against its fixed twins."""
    from vulnscope import api

    study = {
        "protocol": protocol,
        "preset": preset,
        "protocol_options": tuple(sorted(parse_options(protocol_option or [], "--protocol-option").items())),
        "parser": parser,
        "temperatures": tuple(temperature or ()),
        "repeats": repeats,
        "max_new_tokens": max_new_tokens,
        "baseline_corpus": baseline_corpus,
        "check_leaks": check_leaks,
        "background": path_text(background),
        "background_limit": background_limit,
        "prevalence": prevalence,
    }
    settings = build_settings("audit", context, study)
    settings["subject"]["endpoint"] = read_group(context, endpoint_options)
    if resume is None:
        refuse_without(context, "endpoint", list_options(endpoint_options))
        refuse_without(context, "background", ("background_limit", "prevalence"))
    request = choose_request(context, "audit", api.AuditRequest, settings, resume, runs_dir)
    if dry_run:
        estimate = api.estimate_audit(request)
        if as_json:
            print_json(estimate)
        else:
            stdout.print(_estimate_table(estimate))
        return
    with counted_progress("asking") as tell:
        result = api.run_audit_request(
            request,
            runs_dir=runs_dir,
            resume=resume,
            is_cached=cached,
            command=command_line(),
            progress=tell,
        )
    from vulnscope.report import render_terminal

    show_record(result.record, render_terminal, result.report, as_json=as_json)


def _estimate_table(estimate: AuditEstimate) -> Table:
    rows = {
        "samples": f"{estimate.n_samples:,} in {estimate.n_pairs:,} pairs and {estimate.n_groups:,} groups",
        "background": f"{estimate.n_background:,} ordinary functions",
        "left out": "; ".join(f"{part.n}: {part.reason}" for part in estimate.left_out) or "none",
        "cut": f"{estimate.n_cut:,}",
        "prompts": f"{estimate.n_prompts:,} in {estimate.n_batches:,} batches",
        "tokens": f"{estimate.n_distinct_tokens:,} after sharing prefixes, of {estimate.n_tokens:,}",
        "time": _duration(estimate.seconds),
        **({"answers": f"at most {estimate.n_new_tokens:,} tokens"} if estimate.n_new_tokens else {}),
        **({"cost": _cost(estimate.cost)} if estimate.cost is not None else {}),
        **({"memory": f"about {estimate.memory_bytes / 2**20:,.0f} MiB"} if estimate.memory_bytes else {}),
        "disk": f"about {estimate.disk_bytes / 2**20:,.1f} MiB",
        **{f"config: {name}": str(value) for name, value in estimate.config.items()},
    }
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(Text(name), Text(value))
    return table


def _cost(cost: Number) -> str:
    return cost.reason if isinstance(cost, NotMeasured) else f"at most about {cost:,.2f}, in the currency of the prices"


def _duration(seconds: Number) -> str:
    if isinstance(seconds, NotMeasured):
        return seconds.reason
    return f"about {timedelta(seconds=round(seconds))} (h:mm:ss)"
