"""Panels of twin patching: how far each layer and region moves the answer, and what random donors do there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vulnscope.records.base import Estimate, NotMeasured
from vulnscope.records.patch import PatchCell, PatchRecord, Region
from vulnscope.report.format import format_p, show_invisible
from vulnscope.report.panels import (
    Tile,
    draw_facts,
    draw_map,
    draw_notes,
    draw_reproduction,
    draw_table,
    render_page,
    show_estimate,
    show_number,
    stack_estimate,
)

_Row = tuple[str, Sequence[Tile | None]]
REGIONS: tuple[Region, ...] = ("prefix", "changed", "suffix", "last")


def render_patch(record: PatchRecord) -> str:
    """The page of one patching. Every text of `record` is escaped; equal records give equal bytes."""
    sections = [
        ("Layer by region", draw_heat_map(record)),
        ("Figures", draw_figures(record)),
        ("Left out", draw_notes([f"shortcut not taken: {name}" for name in record.shortcuts_missing], record.left_out)),
        ("Reproduce", draw_reproduction(record.command, record.config, record.versions, record.run)),
    ]
    facts = draw_facts(
        record.subject,
        record.corpus,
        [
            ("Used", record.is_used, f"p-values: {record.correction}, one test per layer and region"),
            ("Patched", f"{record.n_pairs} pairs", f"margins vary by {record.margin_deviation:.2f} nats unpatched"),
        ],
    )
    title = f"{record.subject.name} on {record.corpus.name}, patched"
    return render_page(title, "patch", record.sentence, sections, facts)


def draw_heat_map(record: PatchRecord) -> Markup:
    """Shift of the margin towards the donor's label, beside the control; the cell behind the claim is marked."""
    values = [estimate.value for cell in record.cells for estimate in (cell.shift, cell.random_shift)]
    largest = max((abs(value) for value in values if isinstance(value, float)), default=1.0) or 1.0

    def tile(cell: PatchCell, shift: Estimate, *, is_marked: bool) -> Tile | None:
        if isinstance(shift.value, NotMeasured):
            return None
        tip = f"{show_estimate(shift, is_signed=True)} nats, {cell.n_pairs} pairs"
        return Tile(show_number(shift.value, is_signed=True), shift.value / largest, tip, is_marked=is_marked)

    twins = {(cell.layer, cell.region): tile(cell, cell.shift, is_marked=cell == record.best) for cell in record.cells}
    donors = {(cell.layer, cell.region): tile(cell, cell.random_shift, is_marked=False) for cell in record.cells}
    caption = (
        "Mean move of the margin, in nats, towards the label of the twin whose activations went in; both directions "
        "together. A pointer shows the interval; all intervals stand below. The shared prefix has seen nothing of the "
        "difference and must read 0. The control takes donors of the same label from random other pairs: what it moves "
        "is no trace of the label."
    )
    layers = sorted({cell.layer for cell in record.cells}, reverse=True)

    def rows(found: Mapping[tuple[int, Region], Tile | None], regions: Sequence[Region]) -> list[_Row]:
        return [(f"layer {layer}", [found.get((layer, region)) for region in regions]) for layer in layers]

    controlled = REGIONS[1:]
    return Markup("<h3>The other twin</h3>{}<h3>Control: donors of the same label</h3>{}").format(
        draw_map("", list(REGIONS), rows(twins, REGIONS)),
        draw_map("", list(controlled), rows(donors, controlled), caption=caption),
    )


def draw_figures(record: PatchRecord) -> Markup:
    """Every cell with its interval, its control and its test; the shared prefix, which has no control, in one line."""
    heads = ("", "shift, nats", "donors of the same label", "beyond those", "corrected p", "carried over", "pairs")
    table = draw_table(
        heads,
        [
            (
                f"layer {cell.layer}, {cell.region}",
                stack_estimate(cell.shift),
                stack_estimate(cell.random_shift),
                stack_estimate(cell.beyond_random),
                format_p(cell.p_corrected),
                show_number(cell.carried),
                cell.n_pairs,
            )
            for cell in record.cells
            if cell.region != "prefix"
        ],
        is_figures=True,
    )
    shared = [abs(c.shift.value) for c in record.cells if c.region == "prefix" and isinstance(c.shift.value, float)]
    hint = f"The shared prefix moves the margin by {show_number(max(shared))} nats at most." if shared else ""
    return table + Markup('<p class="hint">{} Carried over: 1 is the whole way to the other twin.</p>').format(hint)


def print_patch(record: PatchRecord, console: Console) -> None:
    """The same record for a terminal."""
    console.print(Text(show_invisible(record.sentence), style="bold"))
    console.print()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("layer")
    for region in REGIONS:
        table.add_column(region, justify="right")
    found = {(cell.layer, cell.region): cell for cell in record.cells}
    for layer in sorted({cell.layer for cell in record.cells}, reverse=True):
        cells = [found.get((layer, region)) for region in REGIONS]
        table.add_row(str(layer), *(_mark(cell) for cell in cells))
    console.print(table)
    console.print(
        Text(
            f"nats towards the donor's label; * beyond same-label donors at corrected p ≤ 0.05 ({record.correction})",
            style="dim",
        )
    )
    for part in record.left_out:
        console.print(Text(f"left out: {part.n:,} samples: {show_invisible(part.reason)}", style="yellow"))


def _mark(cell: PatchCell | None) -> str:
    if cell is None or isinstance(cell.shift.value, NotMeasured):
        return "n/a"
    low, high = cell.beyond_random.low, cell.beyond_random.high
    is_beyond = isinstance(low, float) and isinstance(high, float) and (low > 0 or high < 0)
    is_clear = isinstance(cell.p_corrected, float) and cell.p_corrected <= 0.05
    return f"{show_number(cell.shift.value, is_signed=True)}{'*' if is_beyond and is_clear else ' '}"
