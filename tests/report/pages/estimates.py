"""What tests of pages make figures of."""

from __future__ import annotations

from vulnscope.records.base import Estimate
from vulnscope.report.page import Cell, Table, as_cell, as_head


def estimate(value: float, width: float = 0.1) -> Estimate:
    """A figure whose interval is `width` to either side."""
    return Estimate(value=value, low=value - width, high=value + width, method="bca", n=40, n_groups=40)


def read_row(table: Table, number: int = 0) -> list[tuple[str, Cell]]:
    """Heads and cells of a row of a table, side by side."""
    heads = (as_head(head).text for head in table.heads)
    return list(zip(heads, map(as_cell, table.rows[number]), strict=True))
