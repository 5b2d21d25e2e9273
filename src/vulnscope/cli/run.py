"""`vulnscope run`: what was run, how it ended, and its report again."""

from __future__ import annotations

import json
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from vulnscope.cli.common import command_line, print_json, print_note, show_record, stdout
from vulnscope.cli.options import DataDir, Json, LoaderOption, RunsDir, SkipBad, parse_options
from vulnscope.kinds.find import explain_missing, find_kind, list_kinds

if TYPE_CHECKING:
    from vulnscope.audit.requests import AuditResult
    from vulnscope.records.runs import RunSummary
    from vulnscope.store import StoredRun

app = typer.Typer(no_args_is_help=True)

RunName = Annotated[str, typer.Argument(metavar="RUN", help="Folder, id, or a unique beginning or end of the id.")]

_STYLES = {"finished": "green", "running": "cyan", "interrupted": "yellow", "failed": "red", "corrupt": "bold red"}


@app.command("list")
def list_(runs_dir: RunsDir = Path("runs"), as_json: Json = False) -> None:
    """List all runs, oldest first."""
    from vulnscope import store
    from vulnscope.records.runs import RunList

    runs = store.list_runs(runs_dir)
    if as_json:
        print_json(RunList(runs=runs))
    elif runs:
        stdout.print(_list_table(runs))
    else:
        print_note(f"no runs under {runs_dir}; start one with: vulnscope audit organism")


@app.command()
def show(run: RunName, runs_dir: RunsDir = Path("runs"), as_json: Json = False) -> None:
    """Show how a run was made and what it found."""
    from vulnscope import store
    from vulnscope.records.runs import RunDetail

    stored = store.load_run(run, runs_dir)
    kind = find_kind(stored.manifest.kind) if stored.manifest.kind in list_kinds() else None
    record = stored.result(kind.record_type) if kind is not None and stored.result_path.is_file() else None
    if as_json:
        result = None if record is None else record.model_dump(mode="json")
        print_json(RunDetail(summary=stored.summary(), manifest=stored.manifest, result=result))
    else:
        stdout.print(_detail_table(stored))
    if kind is None:
        print_note(explain_missing(stored.manifest.kind))
    elif record is not None and not as_json:
        stdout.print()
        kind.print(record, stdout)


@app.command("report")
def report_(
    run: RunName,
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    runs_dir: RunsDir = Path("runs"),
    as_json: Json = False,
) -> None:
    """Write a run's HTML report again from its result, and print its path."""
    from vulnscope import store
    from vulnscope.records.runs import RenderedReport

    stored = store.load_run(run, runs_dir)
    kind = find_kind(stored.manifest.kind)
    path = stored.write_report(kind.render(stored.result(kind.record_type)))
    if as_json:
        print_json(RenderedReport(run=stored.id, report=str(path)))
    else:
        stdout.print(Text(str(path)), soft_wrap=True)
    if open_it and not webbrowser.open(path.resolve().as_uri()):
        print_note(f"no browser could be started; open {path} yourself")


@app.command()
def rescore(
    run: RunName,
    parser: Annotated[str, typer.Option(help="How answers are read: strict or keyword.")] = "strict",
    runs_dir: RunsDir = Path("runs"),
    as_json: Json = False,
) -> None:
    """Parse a finished run's answers anew and measure them again, as a new run; opens no model."""
    from vulnscope import api

    _show_results((api.rescore_run(run, parser, runs_dir, command=command_line()),), as_json=as_json)


@app.command("import")
def import_(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="CSV or JSON lines: model, item, prompt, answer.")],
    corpus: Annotated[str, typer.Option(help="The corpus whose sample ids are the items.")],
    data_dir: DataDir = None,
    option: LoaderOption = None,
    skip_bad: SkipBad = False,
    parser: Annotated[str, typer.Option(help="How answers are read: strict or keyword.")] = "strict",
    form: Annotated[
        str, typer.Option(help="How answers state their verdict: verdict, yes-no, weakness or lines.")
    ] = "verdict",
    baseline_corpus: Annotated[
        str | None, typer.Option(help="Train the n-gram baseline on this corpus.", show_default=False)
    ] = None,
    runs_dir: RunsDir = Path("runs"),
    as_json: Json = False,
) -> None:
    """Measure published answers like our own: one run per model in TABLE; opens no model."""
    from vulnscope import api

    results = api.import_answers(
        table,
        corpus,
        data_dir=data_dir,
        skip_bad=skip_bad,
        corpus_options=parse_options(option or []),
        parser=parser,
        form=form,
        baseline_corpus=baseline_corpus,
        runs_dir=runs_dir,
        command=command_line(),
    )
    _show_results(results, as_json=as_json)


@app.command()
def compare(
    before: Annotated[str, typer.Argument(metavar="A", help="Run: folder, id, or a unique part of the id.")],
    after: Annotated[str, typer.Argument(metavar="B", help="Run to hold against A.")],
    seed: Annotated[int, typer.Option(help="Of bootstrap and permutations.", min=0)] = 0,
    runs_dir: RunsDir = Path("runs"),
    as_json: Json = False,
) -> None:
    """Test what changed from run A to run B on the items both answered. Opens no model."""
    from vulnscope import api

    record, folder = api.compare_runs(before, after, runs_dir, seed=seed, command=command_line())
    show_record(record, find_kind("compare").print, folder / "report.html", as_json=as_json)


@app.command()
def combine(
    runs: Annotated[list[str], typer.Argument(metavar="RUNS...", help="Two or more finished runs on one corpus.")],
    how: Annotated[str, typer.Option(help="mean (of margins), vote, or stacked (on other groups).")] = "mean",
    seed: Annotated[int, typer.Option(help="Of folds, bootstrap and permutations.", min=0)] = 0,
    runs_dir: RunsDir = Path("runs"),
    as_json: Json = False,
) -> None:
    """Judge an ensemble of RUNS like one model. Opens no model."""
    from vulnscope import api

    record, folder = api.combine_runs(runs, how, runs_dir, seed=seed, command=command_line())
    show_record(record, find_kind("combine").print, folder / "report.html", as_json=as_json)


def _show_results(results: Sequence[AuditResult], *, as_json: bool) -> None:
    from vulnscope.records.audit import AuditRecords

    if as_json:
        print_json(results[0].record if len(results) == 1 else AuditRecords(records=tuple(r.record for r in results)))
        return
    for result in results:
        find_kind("audit").print(result.record, stdout)
        stdout.print(f"\nreport: {result.report}\n", soft_wrap=True, highlight=False)


def _list_table(runs: tuple[RunSummary, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("run", no_wrap=True)
    table.add_column("status", no_wrap=True)
    table.add_column("rows", justify="right", no_wrap=True)
    table.add_column("command", overflow="fold")
    known = list_kinds()
    for run in runs:
        about = [Text(run.command.removeprefix("vulnscope ") or run.kind)]
        about += [Text(run.error, style="red")] if run.error else []
        if run.status != "corrupt" and run.kind not in known:
            about.append(Text(explain_missing(run.kind), style="yellow"))
        table.add_row(Text(run.id), Text(run.status, style=_STYLES[run.status]), f"{run.n_rows:,}", Group(*about))
    return table


def _detail_table(stored: StoredRun) -> Table:
    manifest, summary = stored.manifest, stored.summary()
    lines = {
        "run": manifest.id,
        "folder": str(stored.path),
        "status": summary.status + (f": {manifest.error}" if manifest.error else ""),
        "started": f"{manifest.created:%Y-%m-%d %H:%M:%S} UTC",
        "finished": f"{manifest.finished:%Y-%m-%d %H:%M:%S} UTC" if manifest.finished else "",
        "continued": f"{manifest.n_resumed} times" if manifest.n_resumed else "",
        "rows": f"{summary.n_rows:,}",
        "command": manifest.command,
        "seed": str(manifest.seed),
        "device": manifest.device,
        "digests": ", ".join(f"{name} {digest}" for name, digest in manifest.digests.items()),
        "versions": ", ".join(f"{name} {version}" for name, version in manifest.versions.items()),
        "config": json.dumps(manifest.config, ensure_ascii=False),
        "continue": "" if summary.status in ("finished", "running") else stored.resume_command,
    }
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in lines.items():
        if value:
            table.add_row(name, Text(value))
    return table
