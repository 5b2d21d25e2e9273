"""What an intervention did and what it cost, in words that tables and sentences share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.records.base import NotMeasured
from vulnscope.report.format import format_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vulnscope.records.steer import Effect, SideEffects

EFFECTS: Mapping[Effect | None, str] = {
    "sensitivity": "told twins apart better",
    "criterion only": "only moved the criterion",
    "not beyond controls": "moved margins, not beyond controls",
    "nothing shown": "nothing shown",
    None: "",
}


def describe_ruin(costs: SideEffects | None) -> str:
    """`ruins ordinary code: perplexity 36 → 97,718, of what it writes 80 % → 10 % parses`; empty where it does not."""
    if costs is None or not costs.is_ruinous:
        return ""
    before, after = (format_number(share, "rate") for share in (costs.parses_clean, costs.parses_edited))
    found = [f"of what it writes {before} → {after} parses"]
    if not isinstance(costs.perplexity_edited, NotMeasured) and not isinstance(costs.perplexity_clean, NotMeasured):
        found.insert(0, f"perplexity {costs.perplexity_clean:,.0f} → {costs.perplexity_edited:,.0f}")
    return f"ruins ordinary code: {', '.join(found)}"
