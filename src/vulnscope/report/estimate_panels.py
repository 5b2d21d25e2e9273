"""What a study would take, for a terminal."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from vulnscope.report.format import show_invisible

if TYPE_CHECKING:
    from rich.console import Console

    from vulnscope.records.against import AgainstEstimate
    from vulnscope.records.study import StudyEstimate


def print_estimate(estimate: StudyEstimate, console: Console) -> None:
    """Memory item by item, then time and disk stage by stage, and what the figures rest on."""
    console.print(
        Text(
            f"{show_invisible(estimate.model)}: {estimate.architecture}, {estimate.n_parameters:,} weights in "
            f"{estimate.n_layers} layers, {estimate.quantization or estimate.dtype} on {estimate.device}\n"
            f"{show_invisible(estimate.corpus)}: {estimate.n_samples:,} samples in {estimate.n_pairs:,} pairs and "
            f"{estimate.n_groups:,} groups\n"
        ),
        soft_wrap=True,
    )
    console.print(_memory_table(estimate))
    console.print()
    console.print(_stage_table(estimate))
    console.print()
    for line in estimate.rests_on:
        console.print(Text(f"- {line}", style="dim"), soft_wrap=True)


def print_both_estimates(estimate: AgainstEstimate, console: Console) -> None:
    """Both studies item by item, then what they take together."""
    for letter, own in zip("AB", (estimate.first, estimate.second), strict=True):
        console.print(Text(letter, style="bold"))
        print_estimate(own, console)
        console.print()
    console.print(
        Text(
            f"both, one after the other: about {show_duration(estimate.seconds)}, "
            f"{show_bytes(estimate.memory_bytes)} of memory at most, {show_bytes(estimate.disk_bytes)} of disk",
            style="bold",
        ),
        soft_wrap=True,
    )


def _memory_table(estimate: StudyEstimate) -> Table:
    memory = estimate.memory
    rows = {
        "weights": memory.weights_bytes,
        "weights, re-initialised": estimate.second_model_bytes,
        f"KV cache, {memory.batch} × {memory.length} tokens": memory.cache_bytes,
        "activations of a forward": memory.activations_bytes,
        "logits": memory.logits_bytes,
        "activations read": estimate.read_activations_bytes,
        "all": estimate.memory_bytes,
        "free now": memory.free_bytes,
    }
    table = Table(box=None, pad_edge=False)
    table.add_column("memory")
    table.add_column("", justify="right")
    for name, size in rows.items():
        table.add_row(name, show_bytes(size), style="bold" if name == "all" else "")
    return table


def _stage_table(estimate: StudyEstimate) -> Table:
    table = Table(box=None, pad_edge=False)
    for number, head in enumerate(("stage", "prompts", "tokens", "model", "statistics", "disk")):
        table.add_column(head, justify="right" if number else "left")
    for stage in estimate.stages:
        times = (show_duration(stage.model_seconds), show_duration(stage.statistics_seconds))
        table.add_row(stage.stage, f"{stage.n_rows:,}", f"{stage.n_tokens:,}", *times, show_bytes(stage.disk_bytes))
    whole = f"about {show_duration(estimate.seconds)}"
    table.add_row("all", "", "", whole, "", show_bytes(estimate.disk_bytes), style="bold")
    return table


def show_duration(seconds: float) -> str:
    """Hours, minutes and seconds, as in 0:01:30; under half a second "<1 s"."""
    return "<1 s" if seconds < 0.5 else str(timedelta(seconds=round(seconds)))


def show_bytes(size: int) -> str:
    """MiB below one GiB, GiB above."""
    return f"{size / 2**30:,.1f} GiB" if size >= 2**30 else f"{size / 2**20:,.1f} MiB"
