"""What of a comparison stands where. Chooses, orders and words; computes no figure."""

from __future__ import annotations

from itertools import groupby
from typing import Any, NamedTuple

from vulnscope.records.comparison import Change, ComparedSlice, ComparisonRecord
from vulnscope.report.format import (
    Scale,
)
from vulnscope.report.view import KIND_TITLES

LABELS: dict[str, str] = {
    "accuracy": "Right answers",
    "pair-correct": "Both twins right",
    "pair-rank": "Twins ranked right",
    "auroc": "AUROC",
    "yes-rate": "Says vulnerable",
    "unparsed": "No clear answer",
    "margin": "Margin, nats",
}
_SCORES = ("auroc", "margin")


class ComparedGroup(NamedTuple):
    """The slices of one kind, largest change first."""

    title: str
    slices: tuple[ComparedSlice, ...]


def change_label(change: Change) -> str:
    """What the figure is called."""
    return LABELS[change.measure]


def change_scale(change: Change) -> Scale:
    """Rates change in points, scores as they are."""
    return "score" if change.measure in _SCORES else "rate"


def group_compared(record: ComparisonRecord) -> tuple[ComparedGroup, ...]:
    """The slices by kind, in the order of the record."""
    return tuple(
        ComparedGroup(KIND_TITLES[kind], tuple(parts)) for kind, parts in groupby(record.slices, lambda part: part.kind)
    )


def chart_data(record: ComparisonRecord) -> dict[str, Any]:
    """Margins before and after, as plain values."""
    return {
        "pairs": [],
        "moves": [[item.label, *item.margins, *item.says, item.sample, item.cwe] for item in record.items]
        if record.is_one_unit
        else [],
    }
