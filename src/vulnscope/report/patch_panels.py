"""Panels of twin patching: how far each layer and region moves the answer, and what random donors do there."""

from __future__ import annotations

from markupsafe import Markup
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vulnscope.records.base import NotMeasured
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
)

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
            ("Used", record.is_used, f"{record.correction} over layers and regions"),
            ("Patched", f"{record.n_pairs} pairs", f"margins vary by {record.margin_deviation:.2f} nats unpatched"),
        ],
    )
    title = f"{record.subject.name} on {record.corpus.name}, patched"
    return render_page(title, "patch", record.sentence, sections, facts)


def draw_heat_map(record: PatchRecord) -> Markup:
    """Shift of the margin towards the donor's label; the cell behind the claim is marked."""
    found = {(cell.layer, cell.region): cell for cell in record.cells}
    layers = sorted({cell.layer for cell in record.cells}, reverse=True)
    largest = max((abs(c.shift.value) for c in record.cells if isinstance(c.shift.value, float)), default=1.0) or 1.0

    def tile(cell: PatchCell | None) -> Tile | None:
        if cell is None or isinstance(cell.shift.value, NotMeasured):
            return None
        tip = f"{show_estimate(cell.shift, is_signed=True)} nats, corrected p {format_p(cell.p_corrected)}"
        return Tile(
            show_number(cell.shift.value, is_signed=True),
            cell.shift.value / largest,
            tip,
            is_marked=record.best is not None and cell == record.best,
        )

    rows = [(f"layer {layer}", [tile(found.get((layer, region))) for region in REGIONS]) for layer in layers]
    caption = (
        "Mean move of the margin, in nats, towards the label of the twin whose activations went in; both directions "
        "together. The shared prefix has seen nothing of the difference and must read 0."
    )
    return draw_map("", list(REGIONS), rows, caption=caption)


def draw_figures(record: PatchRecord) -> Markup:
    """Every cell with its interval, its control and its test."""
    heads = ("", "shift, nats", "donors of the same label", "beyond those", "corrected p", "carried over", "pairs")
    return draw_table(
        heads,
        [
            (
                f"layer {cell.layer}, {cell.region}",
                show_estimate(cell.shift, is_signed=True),
                show_estimate(cell.random_shift, is_signed=True),
                show_estimate(cell.beyond_random, is_signed=True),
                format_p(cell.p_corrected),
                show_number(cell.carried),
                cell.n_pairs,
            )
            for cell in record.cells
        ],
    )


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
