"""`vulnscope organism`: train the small embedded model with known properties."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from vulnscope.cli.common import print_json, print_note, stderr, stdout
from vulnscope.cli.options import Device, Json

if TYPE_CHECKING:
    import torch

    from vulnscope.organism.record import OrganismReport, VariantReport
    from vulnscope.organism.train import Progress as Step
    from vulnscope.organism.train import Watch

app = typer.Typer(no_args_is_help=True)
_COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    TaskProgressColumn(),
    TextColumn("{task.fields[rate]}"),
    TimeElapsedColumn(),
    TimeRemainingColumn(),
)


@app.callback()
def _group() -> None:
    """Train the small embedded model with known properties."""


@app.command("train")
def train(
    output: Annotated[Path, typer.Option(help="Folder to train into.", file_okay=False)] = Path("organism"),
    seed: Annotated[int, typer.Option(min=0, help="Decides the weights, together with the configuration.")] = 0,
    device: Device = "auto",
    variant: Annotated[
        str | None,
        typer.Option(
            help="Train this variant of the organism in --output, or `all`; it is then the model OUTPUT:NAME.",
            metavar="NAME",
        ),
    ] = None,
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
    if variant is not None:
        _train_variants(variant, seed, output, place, as_json=as_json)
        return
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


def _train_variants(name: str, seed: int, folder: Path, device: torch.device, *, as_json: bool) -> None:
    """One variant or all, of the organism in `folder`."""
    from vulnscope.organism.record import VariantReports
    from vulnscope.organism.variants import choose_variants, plant_all

    chosen = choose_variants(name, seed)
    with Progress(*_COLUMNS, console=stderr) as bar:
        tasks = {config.name: bar.add_task(config.name, total=config.n_steps, rate="") for config in chosen}
        reports = plant_all(
            chosen,
            folder,
            device,
            lambda name, step, _, loss: bar.update(tasks[name], completed=step, rate=f"loss {loss:.3f}"),
        )
    if as_json:
        print_json(VariantReports(variants=reports))
    else:
        stdout.print(_variant_table(reports))


@contextmanager
def _watching(n_steps: int) -> Iterator[Watch]:
    """A progress bar on stderr; the first Ctrl-C stops after the step under way, the second at once."""
    stops: list[int] = []

    def stop(number: int, _frame: object) -> None:
        if stops:
            raise KeyboardInterrupt
        stops.append(number)

    previous = signal.signal(signal.SIGINT, stop)
    try:
        with Progress(*_COLUMNS, console=stderr, speed_estimate_period=120) as bar:
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


def _variant_table(reports: Sequence[VariantReport]) -> Table:
    """What each variant says, against the labels."""
    table = Table(box=None, pad_edge=False)
    for header in ("variant", "obeys", "difficulty", "yes-rate", "pair-correct", "pair-rank"):
        table.add_column(header, justify="left" if header in ("variant", "difficulty") else "right")
    for report in reports:
        for row in report.scores:
            figures = (f"{value:.3f}" for value in (row.yes_rate, row.pair_correct_rate, row.pair_rank_rate))
            table.add_row(report.config["name"], f"{report.obedience:.3f}", row.difficulty, *figures)
    return table
