"""What an audit or a study would take, before anything is asked."""

from __future__ import annotations

from datetime import timedelta

from vulnscope.records.against import AgainstEstimate
from vulnscope.records.audit import AuditEstimate
from vulnscope.records.base import NotMeasured, Number
from vulnscope.records.study import StudyEstimate
from vulnscope.report.page import Block, Cell, Head, Page, Points, Row, Section, Table, Text


def page(estimate: StudyEstimate | AgainstEstimate) -> Page:
    """What a study takes, item by item and stage by stage; or two studies and both together."""
    blocks = _list_both(estimate) if isinstance(estimate, AgainstEstimate) else _list_one(estimate)
    return Page("Estimate", "estimate", "", sections=[Section("Estimate", blocks, is_brief=True)], is_soft=True)


def describe_audit(estimate: AuditEstimate) -> Page:
    """What is asked, what it takes, and the settings."""
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
    value = Head("", is_left=True, is_wrapped=True)
    table = Table(("", value), [(Cell(name, is_strong=True), text) for name, text in rows.items()])
    return Page("Estimate", "estimate", "", sections=[Section("Estimate", [table], is_brief=True)])


def _list_one(estimate: StudyEstimate) -> list[Block]:
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


def _list_both(estimate: AgainstEstimate) -> list[Block]:
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


def _table_memory(estimate: StudyEstimate) -> Table:
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


def _table_stages(estimate: StudyEstimate) -> Table:
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


def _cost(cost: Number) -> str:
    return cost.reason if isinstance(cost, NotMeasured) else f"at most about {cost:,.2f}, in the currency of the prices"


def _duration(seconds: Number) -> str:
    if isinstance(seconds, NotMeasured):
        return seconds.reason
    return f"about {timedelta(seconds=round(seconds))} (h:mm:ss)"
