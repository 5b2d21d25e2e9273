"""What an audit would take, before anything is asked."""

from __future__ import annotations

from datetime import timedelta

from vulnscope.records.audit import AuditForecast
from vulnscope.records.base import NotMeasured, Number
from vulnscope.report.page import Cell, Head, Page, Section, Table


def page(estimate: AuditForecast) -> Page:
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


def _cost(cost: Number) -> str:
    return cost.reason if isinstance(cost, NotMeasured) else f"at most about {cost:,.2f}, in the currency of the prices"


def _duration(seconds: Number) -> str:
    if isinstance(seconds, NotMeasured):
        return seconds.reason
    return f"about {timedelta(seconds=round(seconds))} (h:mm:ss)"
