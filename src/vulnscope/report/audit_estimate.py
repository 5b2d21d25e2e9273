"""What an audit would take, for a terminal."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from vulnscope.records.base import NotMeasured, Number

if TYPE_CHECKING:
    from rich.console import Console

    from vulnscope.records.audit import AuditEstimate


def print_audit_estimate(estimate: AuditEstimate, console: Console) -> None:
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
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(Text(name), Text(value))
    console.print(table)


def _cost(cost: Number) -> str:
    return cost.reason if isinstance(cost, NotMeasured) else f"at most about {cost:,.2f}, in the currency of the prices"


def _duration(seconds: Number) -> str:
    if isinstance(seconds, NotMeasured):
        return seconds.reason
    return f"about {timedelta(seconds=round(seconds))} (h:mm:ss)"
