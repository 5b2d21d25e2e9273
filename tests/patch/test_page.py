"""The page of a patching: each figure in its column, and a star only where both conditions hold."""

from __future__ import annotations

import pytest

from vulnscope.patch.page import list_figures, map_layers
from vulnscope.patch.record import PatchCell, PatchRecord, Region
from vulnscope.records.base import Estimate, NotMeasured, Number
from vulnscope.report.page import Cell, Map, Table


def estimate(value: float, low: Number, high: Number) -> Estimate:
    return Estimate(value=value, low=low, high=high, method="bca", n=40, n_groups=40)


def make_cell(region: Region = "last", low: Number = 0.1, high: Number = 0.9, p: Number = 0.05) -> PatchCell:
    return PatchCell.model_construct(
        layer=3,
        region=region,
        n_pairs=40,
        shift=estimate(1.5, 1.0, 2.0),
        random_shift=estimate(-0.5, -0.7, 0.2),
        beyond_random=estimate(0.5, low, high),
        p_corrected=p,
        carried=0.25,
    )


def make_record(*cells: PatchCell) -> PatchRecord:
    return PatchRecord.model_construct(cells=cells, best=cells[0], correction="none")


@pytest.mark.parametrize(
    ("low", "high", "p", "mark"),
    [
        (0.1, 0.9, 0.05, "*"),
        (-0.9, -0.1, 0.05, "*"),
        (-0.1, 0.9, 0.01, " "),
        (0.1, 0.9, 0.051, " "),
        (NotMeasured(reason="few"), NotMeasured(reason="few"), 0.01, " "),
        (0.1, 0.9, NotMeasured(reason="few"), " "),
    ],
)
def test_a_star_needs_an_interval_beyond_the_control_and_a_small_p(
    low: Number, high: Number, p: Number, mark: str
) -> None:
    found = next(
        block for block in map_layers(make_record(make_cell(low=low, high=high, p=p))) if isinstance(block, Map)
    )
    tiles = dict(zip(found.columns, found.rows[0][1], strict=True))
    assert tiles["prefix"] is None
    assert tiles["last"] is not None
    assert tiles["last"].text == "+1.50"
    assert tiles["last"].short == f"+1.50{mark}"
    assert tiles["last"].strength == 1.0
    assert tiles["last"].is_marked


def test_figures_stand_in_their_columns() -> None:
    table, hint = list_figures(make_record(make_cell(), make_cell("prefix")))
    assert isinstance(table, Table)
    (row,) = table.rows
    assert dict(zip(table.heads, row, strict=True)) == {
        "": "layer 3, last",
        "shift, nats": Cell("+1.50", ("[+1.00, +2.00]",)),
        "donors of the same label": Cell("−0.50", ("[−0.70, +0.20]",)),
        "beyond those": Cell("+0.50", ("[+0.10, +0.90]",)),
        "corrected p": "0.050",
        "carried over": "0.25",
        "pairs": 40,
    }
    assert "by 1.50 nats at most" in str(hint)
