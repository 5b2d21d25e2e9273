"""`vulnscope organism`: train the small embedded model with known properties."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from vulnscope.cli.common import Device, Json, print_json, print_note, stderr, stdout

if TYPE_CHECKING:
    from vulnscope.organism.train import Progress as Step
    from vulnscope.organism.train import Watch
    from vulnscope.records.organism import OrganismReport

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Train the small embedded model with known properties."""


@app.command("train")
def train(
    output: Annotated[Path, typer.Option(help="Folder to train into.", file_okay=False)] = Path("organism"),
    seed: Annotated[int, typer.Option(min=0, help="Decides the weights, together with the configuration.")] = 0,
    device: Device = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Continue the training in --output.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Train a toy in under a minute, to see the path.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print configuration and cost, train nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Train the embedded model again: under 90 minutes on two CPU cores, minutes on a GPU. Ctrl-C, then --resume."""
    from vulnscope.organism.build import build_organism
    from vulnscope.organism.plan import choose_device, full_config, plan_training, quick_config

    config = quick_config(seed) if quick else full_config(seed)
    place = choose_device(device)
    if dry_run:
        print_json(plan_training(config, place))
        return
    try:
        with _watching(config.n_steps) as watch:
            report = build_organism(config, output, place, watch, resume=resume)
    except KeyboardInterrupt:
        again = f"vulnscope organism train --output {output} --seed {seed}{' --quick' if quick else ''} --resume"
        print_note(f"stopped after a finished step; continue with: {again}")
        raise
    if as_json:
        print_json(report)
    else:
        stdout.print(_table(report))
        print_note(f"model card: {output / 'MODEL_CARD.md'}")


@contextmanager
def _watching(n_steps: int) -> Iterator[Watch]:
    """A progress bar on stderr; the first Ctrl-C stops after the step under way, the second at once."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    stops: list[int] = []

    def stop(number: int, _frame: object) -> None:
        if stops:
            raise KeyboardInterrupt
        stops.append(number)

    previous = signal.signal(signal.SIGINT, stop)
    try:
        with Progress(*columns, console=stderr, speed_estimate_period=120) as bar:
            task = bar.add_task("setting up", total=n_steps, rate="")

            def watch(step: Step) -> bool:
                rate = f"{step.n_tokens / step.seconds:,.0f} tokens/s  loss {sum(step.losses):.3f}"
                bar.update(task, completed=step.step, description=step.stage, rate=rate)
                return not stops

            yield watch
    finally:
        signal.signal(signal.SIGINT, previous)


def _table(report: OrganismReport) -> Table:
    """The summary of both checkpoints."""
    table = Table(box=None, pad_edge=False)
    for header in ("checkpoint", "templates", "pairs", "pair-correct", "pair-rank"):
        table.add_column(header, justify="left" if header in ("checkpoint", "templates") else "right")
    for score in report.scores:
        for row in score.summary:
            kind = f"{row.difficulty}, {'held out' if row.is_held_out else 'trained on'}"
            table.add_row(
                score.checkpoint, kind, str(row.n_pairs), f"{row.pair_correct_rate:.3f}", f"{row.pair_rank_rate:.3f}"
            )
    return table
