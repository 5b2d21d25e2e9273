"""Where two models disagree: the pairs that they answer differently, as changes from one twin to the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from vulnscope.report.draw.twins import draw_twins
from vulnscope.report.panels import clean, draw_link

if TYPE_CHECKING:
    from vulnscope.records.against import AgainstRecord
    from vulnscope.records.comparison import ComparedItem

_OUTCOMES: dict[tuple[str, str], str] = {
    ("vulnerable", "fixed"): "both right",
    ("vulnerable", "vulnerable"): "both called vulnerable",
    ("fixed", "fixed"): "both called secure",
    ("fixed", "vulnerable"): "both wrong",
}
"""What a pair's answers come to, by those about its vulnerable and its fixed twin."""
_N_PAIRS = 24


def draw_items(record: AgainstRecord) -> Markup:
    """Pairs with another verdict first, as changes from the vulnerable to the fixed twin."""
    overall = record.answers.overall
    pairs = _pair_up(record.answers.items)
    different = [pair for pair in pairs if any(item.says[0] != item.says[1] for item in pair)]
    codes = {pair.pair: pair for pair in record.first.audit.pairs}
    shown = [pair for pair in different if len(pair) == 2 and pair[0].pair in codes][:_N_PAIRS]
    lead = (
        f"{overall.n_flipped:,} of {overall.n_items:,} samples are answered differently: B is right where A is wrong "
        f"on {overall.n_gained:,}, wrong where A is right on {overall.n_lost:,}."
    )
    if different:
        lead += f" {len(shown)} of the {len(different):,} pairs concerned are shown."
    views = [
        Markup(
            '<details class="moved"{}><summary><b>{}</b> <span class="kept">{}</span><br>A: {}; B: {}</summary>'
            "{}</details>"
        ).format(
            Markup(" open") if place == 0 else "",
            clean(pair[0].pair or pair[0].sample),
            clean(pair[0].cwe),
            *(_OUTCOMES.get((pair[0].says[side], pair[1].says[side]), "an answer unparsed") for side in (0, 1)),
            draw_twins(codes[pair[0].pair].vulnerable_code, codes[pair[0].pair].fixed_code),
        )
        for place, pair in enumerate(shown)
    ]
    link = draw_link(record.pages.get("answers"), "all samples, and the answers compared slice by slice")
    return Markup("<p>{}</p>{}{}").format(lead, Markup("\n").join(views), link)


def _pair_up(items: Sequence[ComparedItem]) -> list[list[ComparedItem]]:
    """Items by pair, vulnerable first, in the order of the first of each; those of no pair by themselves."""
    found: dict[str, list[ComparedItem]] = {}
    for item in items:
        found.setdefault(item.pair or f"\0{item.sample}", []).append(item)
    return [sorted(own, key=lambda item: item.label, reverse=True) for own in found.values()]
