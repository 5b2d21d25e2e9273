"""Twin patching: how far each layer and region moves the answer, and what random donors do there."""

from __future__ import annotations

from vulnscope.patch.record import PatchCell, PatchRecord, Region
from vulnscope.records.base import Estimate, NotMeasured
from vulnscope.report.format import format_p, show_estimate, show_number
from vulnscope.report.page import Block, Cell, Fact, LeftOut, Map, Page, Section, Table, Text, Tile, stack_estimate
from vulnscope.report.pages.common import count_left_out, make_page

REGIONS: tuple[Region, ...] = ("prefix", "changed", "suffix", "last")
_CAPTION = (
    "Mean move of the margin, in nats, towards the label of the twin whose activations went in; both directions "
    "together. A pointer shows the interval; all intervals stand below. The shared prefix has seen nothing of the "
    "difference and must read 0. The control takes donors of the same label from random other pairs: what it moves "
    "is no trace of the label."
)


def page(record: PatchRecord) -> Page:
    """What one patching says."""
    left_out = count_left_out(record.left_out)
    missing = [f"shortcut not taken: {name}" for name in record.shortcuts_missing]
    return make_page(
        record,
        "patch",
        f"{record.subject.name} on {record.corpus.name}, patched",
        facts=(
            Fact("Used", record.used, f"p-values: {record.correction}, one test per layer and region"),
            Fact("Patched", f"{record.n_pairs} pairs", f"margins vary by {record.margin_deviation:.2f} nats unpatched"),
        ),
        sections=(
            Section("Layer by region", map_layers(record), is_brief=True),
            Section("Figures", list_figures(record)),
            Section(
                "Left out",
                [LeftOut([*left_out, *missing], only="page"), LeftOut(left_out, only="terminal")],
                is_brief=True,
            ),
        ),
    )


def map_layers(record: PatchRecord) -> list[Block]:
    """Shift of the margin towards the donor's label, beside the control; the cell behind the claim is marked."""
    values = [estimate.value for cell in record.cells for estimate in (cell.shift, cell.random_shift)]
    largest = max((abs(value) for value in values if isinstance(value, float)), default=1.0) or 1.0
    found = {(cell.layer, cell.region): cell for cell in record.cells}
    layers = sorted({cell.layer for cell in record.cells}, reverse=True)

    def twin(cell: PatchCell) -> Tile | None:
        return _tile(cell, cell.shift, largest, is_marked=cell == record.best, mark="*" if cell.is_moving else " ")

    def donor(cell: PatchCell) -> Tile | None:
        return _tile(cell, cell.random_shift, largest)

    controlled = REGIONS[1:]
    return [
        Text("The other twin", "heading", only="page"),
        Map(
            REGIONS,
            [
                (
                    Cell(f"layer {layer}", short=str(layer)),
                    [twin(found[layer, region]) if (layer, region) in found else None for region in REGIONS],
                )
                for layer in layers
            ],
            corner="layer",
        ),
        Text("Control: donors of the same label", "heading", only="page"),
        Map(
            controlled,
            [
                (
                    f"layer {layer}",
                    [donor(found[layer, region]) if (layer, region) in found else None for region in controlled],
                )
                for layer in layers
            ],
            caption=_CAPTION,
            only="page",
        ),
        Text(
            f"nats towards the donor's label; * beyond same-label donors at corrected p ≤ 0.05 ({record.correction})",
            "hint",
            only="terminal",
        ),
    ]


def list_figures(record: PatchRecord) -> list[Block]:
    """Every cell with its interval, its control and its test; the shared prefix, which has no control, in one line."""
    heads = ("", "shift, nats", "donors of the same label", "beyond those", "corrected p", "carried over", "pairs")
    rows = [
        (
            f"layer {cell.layer}, {cell.region}",
            stack_estimate(cell.shift),
            stack_estimate(cell.random_shift),
            stack_estimate(cell.beyond_random),
            Cell(format_p(cell.p_corrected), (f"beyond donors {format_p(cell.beyond_p_corrected)}",)),
            show_number(cell.carried),
            cell.n_pairs,
        )
        for cell in record.cells
        if cell.region != "prefix"
    ]
    shared = [abs(c.shift.value) for c in record.cells if c.region == "prefix" and isinstance(c.shift.value, float)]
    hint = f"The shared prefix moves the margin by {show_number(max(shared))} nats at most." if shared else ""
    return [
        Table(heads, rows, form="figures"),
        Text(f"{hint} Carried over: 1 is the whole way to the other twin.".lstrip(), "hint"),
    ]


def _tile(cell: PatchCell, shift: Estimate, largest: float, *, is_marked: bool = False, mark: str = "") -> Tile | None:
    if isinstance(shift.value, NotMeasured):
        return None
    text = show_number(shift.value, is_signed=True)
    tip = f"{show_estimate(shift, is_signed=True)} nats, {cell.n_pairs} pairs"
    return Tile(text, shift.value / largest, tip, is_marked=is_marked, short=text + mark)
