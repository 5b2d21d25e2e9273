"""What a study, or two, would take, before anything is asked."""

from __future__ import annotations

from datetime import timedelta

from vulnscope.report.page import Block, Cell, Head, Page, Points, Row, Section, Table, Text
from vulnscope.study.record import StudyForecast
from vulnscope.study.two.record import AgainstForecast


def page(estimate: StudyForecast | AgainstForecast) -> Page:
    """What a study takes, item by item and stage by stage; or two studies and both together."""
    blocks = _list_both(estimate) if isinstance(estimate, AgainstForecast) else _list_one(estimate)
    return Page("Estimate", "estimate", "", sections=[Section("Estimate", blocks, is_brief=True)], is_soft=True)


def _list_one(estimate: StudyForecast) -> list[Block]:
    return [
        Text(
            f"{estimate.model}: {estimate.architecture}, {estimate.n_parameters:,} weights in "
            f"{estimate.n_layers} layers, {estimate.quantization or estimate.dtype} on {estimate.device}"
        ),
        Text(
            f"{estimate.corpus}: {estimate.n_samples:,} samples in {estimate.n_pairs:,} pairs and "
            f"{estimate.n_groups:,} groups"
        ),
        _table_memory(estimate),
        _table_stages(estimate),
        Points(estimate.rests_on, "hint", is_apart=True),
    ]


def _list_both(estimate: AgainstForecast) -> list[Block]:
    both = (
        f"both, one after the other: about {show_duration(estimate.seconds)}, "
        f"{show_bytes(estimate.memory_bytes)} of memory at most, {show_bytes(estimate.disk_bytes)} of disk"
    )
    return [
        Text("A", "strong"),
        *_list_one(estimate.first),
        Text("B", "strong", is_apart=True),
        *_list_one(estimate.second),
        Text(both, "strong", is_apart=True),
    ]


def _table_memory(estimate: StudyForecast) -> Table:
    memory = estimate.memory
    sizes = {
        "weights": memory.weights_bytes,
        "weights, re-initialised": estimate.second_model_bytes,
        f"KV cache, {memory.batch} × {memory.length} tokens": memory.cache_bytes,
        "activations of a forward": memory.activations_bytes,
        "logits": memory.logits_bytes,
        "activations read": estimate.read_activations_bytes,
        "all": estimate.memory_bytes,
        "free now": memory.free_bytes,
    }
    rows = [
        tuple(Cell(text, is_strong=name == "all") for text in (name, show_bytes(size))) for name, size in sizes.items()
    ]
    return Table(("memory", ""), rows)


def _table_stages(estimate: StudyForecast) -> Table:
    rows: list[Row] = [
        (
            stage.stage,
            f"{stage.n_rows:,}",
            f"{stage.n_tokens:,}",
            show_duration(stage.model_seconds),
            show_duration(stage.statistics_seconds),
            show_bytes(stage.disk_bytes),
        )
        for stage in estimate.stages
    ]
    whole = ("all", "", "", f"about {show_duration(estimate.seconds)}", "", show_bytes(estimate.disk_bytes))
    rows.append([Cell(text, is_strong=True) for text in whole])
    heads = ("prompts", "tokens", "model", "statistics", "disk")
    return Table(("stage", *(Head(head, is_wrapped=True) for head in heads)), rows)


def show_duration(seconds: float) -> str:
    """Hours, minutes and seconds, as in 0:01:30; under half a second "<1 s"."""
    return "<1 s" if seconds < 0.5 else str(timedelta(seconds=round(seconds)))


def show_bytes(size: int) -> str:
    """MiB below one GiB, GiB above."""
    return f"{size / 2**30:,.1f} GiB" if size >= 2**30 else f"{size / 2**20:,.1f} MiB"
