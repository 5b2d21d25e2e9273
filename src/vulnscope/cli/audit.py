"""`vulnscope audit`: what a model says about a corpus."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

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
from vulnscope.errors import InputError
from vulnscope.records.base import NotMeasured, Number

if TYPE_CHECKING:
    from vulnscope.records.audit import AuditEstimate


def audit(
    context: typer.Context,
    model: Annotated[
        str | None, typer.Argument(help="Hub id, local folder, or `organism`.", show_default=False)
    ] = None,
    corpus: Annotated[str, typer.Option(help="A corpus of `vulnscope corpus list`.")] = "synthetic",
    data_dir: DataDir = None,
    option: Annotated[
        list[str] | None, typer.Option(help="Loader option KEY=VALUE; repeatable.", metavar="KEY=VALUE")
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave malformed rows out, counted and listed.")] = False,
    protocol: Annotated[str, typer.Option(help="How a sample becomes prompts and an answer a verdict.")] = "yes-no",
    prompts: Annotated[
        Path | None, typer.Option(help="YAML of your own prompts.", dir_okay=False, show_default=False)
    ] = None,
    prompt: Annotated[
        list[str] | None, typer.Option(help="Ask this prompt of the protocol; repeatable, the first is canonical.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="A named experiment of the protocol, such as determinism.", show_default=False)
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
    part: Annotated[list[str] | None, typer.Option(help="Keep this part of the corpus; repeatable.")] = None,
    cwe: Annotated[list[str] | None, typer.Option(help="Keep this CWE; repeatable.")] = None,
    language: Annotated[list[str] | None, typer.Option(help="Keep this language; repeatable.")] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many samples, whole pairs.", min=1)] = None,
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
    seed: Annotated[int, typer.Option(help="Of draws, bootstrap and permutations.", min=0)] = 0,
    revision: Revision = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    quantize: Annotated[str | None, typer.Option(help="nf4 loads the weights in 4 bits.", show_default=False)] = None,
    adapter: Annotated[str | None, typer.Option(help="PEFT adapter, folder or Hub id.", show_default=False)] = None,
    layers_path: Annotated[
        str | None, typer.Option(help="Path of the decoder layers where the rule cannot decide.", show_default=False)
    ] = None,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run code that comes with the model.")
    ] = False,
    endpoint: Annotated[
        str | None,
        typer.Option(help="Base URL of an OpenAI-compatible server; MODEL is its name there.", show_default=False),
    ] = None,
    endpoint_api: Annotated[
        str,
        typer.Option(help="chat, completions (base models), or auto: chat where the server chats with MODEL."),
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
    max_batch_tokens: Annotated[
        int | None, typer.Option(help="Tokens per batch; default from free memory.", min=1, show_default=False)
    ] = None,
    resume: Annotated[
        str | None, typer.Option(help="Continue this run: folder, id, or part of the id.", show_default=False)
    ] = None,
    runs_dir: RunsDir = Path("runs"),
    cached: Annotated[bool, typer.Option("--cache/--no-cache", help="Reuse answers of earlier runs.")] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print settings and an estimate; ask nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Ask MODEL whether code is vulnerable, and measure what it says against its fixed twins."""
    from vulnscope import api

    if api_key_env is not None and endpoint is None and resume is None:
        raise InputError("--api-key-env is for a model behind --endpoint URL; give that too, or leave the key out")
    settings: dict[str, Any] = {
        "subject": {
            "name": model or "",
            "revision": revision,
            "dtype": dtype,
            "device": device,
            "quantize": quantize,
            "adapter": adapter,
            "trust_remote_code": trust_remote_code,
            "layers_path": layers_path,
            "endpoint": None
            if endpoint is None
            else {
                "url": endpoint,
                "api": endpoint_api,
                "key_variable": api_key_env,
                "concurrency": concurrency,
                "requests_per_minute": requests_per_minute,
                "timeout_seconds": timeout,
                "price_in": price_in,
                "price_out": price_out,
            },
        },
        "corpus": {
            "name": corpus,
            "data_dir": None if data_dir is None else str(data_dir),
            "skip_bad": skip_bad,
            "options": tuple(sorted(parse_options(option or []).items())),
        },
        "audit": {
            "protocol": protocol,
            "prompts_file": None if prompts is None else str(prompts),
            "prompts": tuple(prompt or ()),
            "preset": preset,
            "protocol_options": tuple(sorted(parse_options(protocol_option or [], "--protocol-option").items())),
            "parser": parser,
            "temperatures": tuple(temperature or ()),
            "repeats": repeats,
            "max_new_tokens": max_new_tokens,
            "parts": tuple(part or ()),
            "cwes": tuple(cwe or ()),
            "languages": tuple(language or ()),
            "limit": limit,
            "baseline_corpus": baseline_corpus,
            "check_leaks": check_leaks,
            "background": None if background is None else str(background),
            "background_limit": background_limit,
            "prevalence": prevalence,
            "seed": seed,
            "max_batch_tokens": max_batch_tokens,
        },
    }
    request = choose_request(context, "audit", api.AuditRequest, settings, resume, runs_dir)
    if dry_run:
        estimate = api.estimate_audit(request)
        if as_json:
            print_json(estimate)
        else:
            stdout.print(_estimate_table(estimate))
        return
    with progress_bar() as bar:
        task = bar.add_task("asking", total=None)
        result = api.run_audit_request(
            request,
            runs_dir=runs_dir,
            resume=resume,
            is_cached=cached,
            command=command_line(),
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    if as_json:
        print_json(result.record)
    else:
        from vulnscope import report

        report.render_terminal(result.record, stdout)
        stdout.print(f"\nreport: {result.report}", soft_wrap=True, highlight=False)


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
