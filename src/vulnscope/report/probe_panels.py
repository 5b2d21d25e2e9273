"""Panels of a probing: what it knows, layer by layer, beside surface rules and beside what it says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from markupsafe import Markup
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vulnscope.records.base import Estimate, NotMeasured
from vulnscope.records.probe import Cell, ProbeRecord, Readout
from vulnscope.report.draw.curves import draw_curves
from vulnscope.report.format import format_estimate, format_number, show_estimate, show_invisible, show_number
from vulnscope.report.page import Curves, Reference, Series, Tile
from vulnscope.report.panels import draw_facts, draw_map, draw_notes, draw_reproduction, draw_table, render_page

SAY_KNOW = "AUROC by layer: probes, logit lens, surface rule, answer"
EMBEDDING = {-1.0: "emb."}
_METHOD = "logistic"
_EXPLANATION = (
    "A read-out is a linear rule fitted on hidden states of some groups of code and measured on others; layer, pooling "
    "and penalty are chosen inside the fitting part. It counts only beyond what the same rule finds in the text itself."
)


def render_probe(record: ProbeRecord) -> str:
    """The page of one probing. Every text of `record` is escaped; equal records give equal bytes."""
    sections = [
        ("Say and know", draw_say_know(record)),
        ("Read-outs", draw_readouts(record)),
        ("Layer by pooling", draw_cells(record)),
        ("Beyond these samples", draw_generality(record)),
        ("How many pairs are enough", draw_curve(record)),
        ("Left out", draw_notes(record.notes, record.left_out)),
        ("Reproduce", draw_reproduction(record.command, record.config, record.versions, record.run)),
    ]
    more = [
        ("Knows", record.is_decodable, f"permutation p {record.null.p:.3f} over {record.null.n_permutations}"),
        ("Measured", f"{record.n_items:,} items", "out of group, each scored by itself"),
    ]
    facts = draw_facts(record.subject, record.corpus, more)
    return render_page(
        f"{record.subject.name} on {record.corpus.name}, probed", "probe", record.sentence, sections, facts
    )


def draw_say_know(record: ProbeRecord) -> Markup:
    """Per layer: the probe under each pooling and the logit lens, against the best surface rule and the answer."""
    lines = list_lines(record)
    picture = draw_curves(
        Curves(lines.series, lines.references, x_label="layer", y_label="AUROC", label=SAY_KNOW, x_names=EMBEDDING)
    )
    reason = Markup('<p class="hint">{}</p>').format(record.lens_reason) if record.lens_reason else Markup("")
    return Markup('<p class="lead">{}</p>{}{}').format(_EXPLANATION, picture, reason)


class Lines(NamedTuple):
    """What the say-know figure draws: curves over layers, -1 the embedding, and level lines."""

    series: Sequence[Series]
    references: Sequence[Reference]


def list_lines(record: ProbeRecord) -> Lines:
    """The curves and level lines of the say-know figure."""
    pools = [pool for pool in _pools(record) if pool != "changed"]
    series = [Series(f"probe, {pool}", [_point(cell) for cell in _cells(record, pool)]) for pool in pools]
    if record.lens:
        lens = [(float(each.layer), each.auroc.value, each.auroc.low, each.auroc.high) for each in record.lens]
        series.append(Series("logit lens (what the layer would say)", lens))
    best = next(each for each in record.baselines if each.name == record.best_baseline)
    return Lines(
        series, [(f"best surface rule: {best.name}", best.auroc.value), ("its answer", record.says[0].auroc.value)]
    )


def draw_readouts(record: ProbeRecord) -> Markup:
    """Probe, baselines, answers and controls, with what the probe has over each."""
    table = draw_table(
        ("", "AUROC", "pair-rank", "probe minus this", "chosen"),
        [
            (
                readout.name,
                show_estimate(readout.auroc),
                show_estimate(readout.pair_rank),
                show_estimate(readout.behind, is_signed=True),
                _most_chosen(readout),
            )
            for readout in _readouts(record)
        ],
    )
    control = record.length_control
    lines = [
        f"Labels swapped within pairs and the whole selection repeated {record.null.n_permutations} times: mean AUROC "
        f"{record.null.mean_auroc:.2f}, highest {record.null.highest_auroc:.2f}, p {record.null.p:.3f}.",
        f"Gap between the probe and a read-out of its answers: {show_estimate(record.gap, is_signed=True)}.",
        f"With held-out pairs weighted until length reads ½: {show_estimate(control.auroc)}, effective pairs "
        f"{show_number(control.effective_pairs, 0)}.",
        f"Smallest difference these groups could have shown: {show_number(record.detectable_difference)}.",
    ]
    return table + Markup("<ul class='hint'>{}</ul>").format(
        Markup("").join(Markup("<li>{}</li>").format(line) for line in lines)
    )


def draw_cells(record: ProbeRecord) -> Markup:
    """AUROC of the logistic read-out for every layer and pooling; the best cell that is no oracle is marked."""
    pools = _pools(record)
    layers = sorted({cell.layer for cell in record.cells})
    found = {(cell.layer, cell.pooling): cell for cell in record.cells if cell.method == _METHOD}
    counted = [cell for cell in found.values() if not cell.is_oracle and isinstance(cell.auroc.value, float)]
    best = max(counted, key=lambda cell: float(cell.auroc.value), default=None)
    rows = [
        ("embedding" if layer < 0 else f"layer {layer}", [_tile(found.get((layer, pool)), best) for pool in pools])
        for layer in reversed(layers)
    ]
    columns = [f"{pool} (oracle)" if pool == "changed" else pool for pool in pools]
    caption = (
        "AUROC of the logistic read-out, only its penalty chosen inside the fitting part. “changed” reads tokens that "
        "only someone who knows the fix can point at; it never supports “knows”. A frame marks the best of the others."
    )
    return draw_map("", columns, rows, caption=caption)


def draw_generality(record: ProbeRecord) -> Markup:
    """Unseen CWEs and templates, other corpora, the oracles, and the CWE itself as a target."""
    rows: list[tuple[object, ...]] = []
    for each in record.generality:
        what = "CWEs" if each.kind == "cwe" else "templates"
        difference = show_estimate(each.difference, is_signed=True)
        rows.append(
            (f"unseen {what} ({each.n_parts})", show_estimate(each.probe), each.baseline,
             show_estimate(each.baseline_auroc), difference)
        )  # fmt: skip
    for move in record.transfers:
        difference = show_estimate(move.difference, is_signed=True)
        rows.append(
            (f"read on {move.corpus.name}", show_estimate(move.probe), move.baseline,
             show_estimate(move.baseline_auroc), difference)
        )  # fmt: skip
    for oracle in record.oracle:
        difference = show_estimate(oracle.difference, is_signed=True)
        rows.append(
            (f"oracle: {oracle.name}", show_estimate(oracle.probe), oracle.baseline,
             show_estimate(oracle.baseline_auroc), difference)
        )  # fmt: skip
    if record.cwe_type is not None:
        kind = record.cwe_type
        rows.append(
            (f"which of {len(kind.classes)} CWEs it is", show_estimate(kind.probe), kind.baseline,
             show_estimate(kind.baseline_auroc), "")
        )  # fmt: skip
    parts = [part for each in record.generality if each.kind == "cwe" for part in each.parts]
    table = draw_table(("", "probe", "best surface rule", "its AUROC", "difference"), rows)
    if not parts:
        return table
    by_part = draw_table(
        ("CWE left out", "pairs", "groups", "AUROC"),
        [(part.name, part.n_pairs, part.n_groups, show_estimate(part.auroc)) for part in parts],
    )
    return table + Markup("<h3>Each CWE, unseen in fitting</h3>") + by_part


def draw_curve(record: ProbeRecord) -> Markup:
    """AUROC against the number of training pairs."""
    points = [
        (float(place), point.auroc, point.lowest, point.highest) for place, point in enumerate(record.learning_curve)
    ]
    names = {float(place): f"{point.n_pairs}" for place, point in enumerate(record.learning_curve)}
    return draw_curves(
        Curves(
            [Series("probe; bars span the draws", points)],
            x_label="training pairs",
            y_label="AUROC",
            label="AUROC by number of training pairs",
            x_names=names,
        )
    )


def print_probe(record: ProbeRecord, console: Console) -> None:
    """The same record for a terminal."""
    console.print(Text(show_invisible(record.sentence), style="bold"))
    console.print(
        Text(show_invisible(f"model {record.subject.name}, corpus {record.corpus.name}: {record.n_items:,} items, "
                            f"grouped {record.corpus.grouping}"), style="dim")
    )  # fmt: skip
    console.print()
    table = _table("read-out", "AUROC", "probe minus this")
    for readout in _readouts(record):
        behind = "" if readout.behind is None else _signed(readout.behind)
        table.add_row(readout.name, format_estimate(readout.auroc, "score"), behind)
    console.print(table)
    if isinstance(record.difference.low, NotMeasured):
        console.print(Text(f"no intervals: {show_invisible(record.difference.low.reason)}", style="dim"))
    console.print()
    pools = _pools(record)
    cells = {(cell.layer, cell.pooling): cell for cell in record.cells if cell.method == _METHOD}
    grid = _table("layer", *(f"{pool}*" if pool == "changed" else pool for pool in pools))
    for layer in sorted({cell.layer for cell in record.cells}, reverse=True):
        figures = [cells.get((layer, pool)) for pool in pools]
        shown = [format_number(cell.auroc.value, "score") if cell else "n/a" for cell in figures]
        grid.add_row("embedding" if layer < 0 else str(layer), *shown)
    console.print(grid)
    if "changed" in pools:
        console.print(Text("* oracle: reads tokens that only someone who knows the fix can point at", style="dim"))
    for each in record.generality:
        what = "CWEs" if each.kind == "cwe" else "templates"
        console.print(
            f"unseen {what}: {format_estimate(each.probe, 'score')} against "
            f"{format_estimate(each.baseline_auroc, 'score')} for {each.baseline}"
        )
    for move in record.transfers:
        console.print(
            f"read on {move.corpus.name}: {format_estimate(move.probe, 'score')} against "
            f"{format_estimate(move.baseline_auroc, 'score')} for {move.baseline}"
        )
    for line in _further(record):
        console.print(show_invisible(line), markup=False, highlight=False)
    for line in (*(f"{part.n:,} samples: {part.reason}" for part in record.left_out), *record.notes):
        console.print(Text(f"left out: {show_invisible(line)}", style="yellow"))


def _further(record: ProbeRecord) -> Iterator[str]:
    """The CWE as a target, length held constant, the logit lens and the learning curve, a line each."""
    if (kind := record.cwe_type) is not None:
        yield (
            f"which of {len(kind.classes)} CWEs it is: {format_estimate(kind.probe, 'score')} against "
            f"{format_estimate(kind.baseline_auroc, 'score')} for {kind.baseline}"
        )
    held = record.length_control.auroc
    if isinstance(held.value, float):
        yield f"pairs weighted until length reads 1/2: {format_estimate(held, 'score')}"
    if record.lens:
        layers = ", ".join(f"{each.layer} {format_number(each.auroc.value, 'score')}" for each in record.lens)
        yield f"logit lens, by layer: {layers}"
    if record.learning_curve:
        points = ", ".join(f"{point.n_pairs} {point.auroc:.2f}" for point in record.learning_curve)
        yield f"learning curve, by training pairs: {points}"


def _readouts(record: ProbeRecord) -> Sequence[Readout]:
    return (record.probe, *record.baselines, *record.says, *record.controls)


def _pools(record: ProbeRecord) -> list[str]:
    return list(dict.fromkeys(cell.pooling for cell in record.cells))


def _cells(record: ProbeRecord, pool: str) -> list[Cell]:
    own = [cell for cell in record.cells if cell.pooling == pool and cell.method == _METHOD]
    return sorted(own, key=lambda cell: cell.layer)


def _point(cell: Cell) -> tuple[float, float | NotMeasured, float | NotMeasured, float | NotMeasured]:
    return float(cell.layer), cell.auroc.value, cell.auroc.low, cell.auroc.high


def _tile(cell: Cell | None, best: Cell | None) -> Tile | None:
    if cell is None or isinstance(cell.auroc.value, NotMeasured):
        return None
    value = cell.auroc.value
    return Tile(f"{value:.2f}", 2 * (value - 0.5), show_estimate(cell.auroc), is_marked=cell is best)


def _most_chosen(readout: Readout) -> str:
    if not readout.chosen:
        return ""
    first = max(dict.fromkeys(readout.chosen), key=readout.chosen.count)
    return f"{first} ({readout.chosen.count(first)} of {len(readout.chosen)} folds)"


def _signed(estimate: Estimate) -> str:
    """A difference for a terminal; why it has no interval stands below the table."""
    has_interval = isinstance(estimate.low, float) and isinstance(estimate.high, float)
    return show_estimate(estimate, is_signed=True) if has_interval else show_number(estimate.value, is_signed=True)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(columns[0], overflow="fold")
    for name in columns[1:]:
        table.add_column(name, justify="right")
    return table
