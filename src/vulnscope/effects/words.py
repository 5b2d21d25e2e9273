"""What an intervention did and what it cost, in words that tables and sentences share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.report.format import format_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vulnscope.records.steer import Effect, SideEffects

EFFECTS: Mapping[Effect | None, str] = {
    "sensitivity": "told twins apart better",
    "criterion only": "only moved the criterion",
    "not beyond controls": "moved margins, not beyond controls",
    "nothing shown": "nothing shown",
    "cannot be found here": "cannot be found here",
    None: "",
}


def describe_ruin(costs: SideEffects | None) -> str:
    """`ruins ordinary code: perplexity 36 → 97,718, continuations that parse 80 % → 10 %`; empty where nothing is."""
    if costs is None or not costs.is_ruinous:
        return ""
    found = []
    if costs.ruins_reading:
        found.append(f"perplexity {float(costs.perplexity_clean):,.0f} → {float(costs.perplexity_edited):,.0f}")
    if costs.ruins_writing:
        before, after = (format_number(share, "rate") for share in (costs.parses_clean, costs.parses_edited))
        found.append(f"continuations that parse {before} → {after}")
    return f"ruins ordinary code: {', '.join(found)}"
