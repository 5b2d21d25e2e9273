"""A probing: what it knows, layer by layer, beside surface rules and beside what it says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vulnscope.records.base import Estimate, NotMeasured
from vulnscope.records.probe import Cell as ProbeCell
from vulnscope.records.probe import ProbeRecord, ProbeScore
from vulnscope.report.format import find_reason, format_estimate, format_number, format_p, show_estimate, show_number
from vulnscope.report.page import (
    Block,
    Cell,
    Curves,
    Fact,
    Head,
    LeftOut,
    Map,
    Page,
    Points,
    Reference,
    Section,
    Series,
    Table,
    Text,
    Tile,
)
from vulnscope.report.pages.common import count_left_out, make_page

SAY_KNOW = "AUROC by layer: probes, logit lens, surface rule, answer"
EMBEDDING = {-1.0: "emb."}
_METHOD = "logistic"
_EXPLANATION = (
    "A read-out is a linear rule fitted on hidden states of some groups of code and measured on others; layer, pooling "
    "and penalty are chosen inside the fitting part. It counts only beyond what the same rule finds in the text itself."
)
_CAPTION = (
    "AUROC of the logistic read-out, only its penalty chosen inside the fitting part. “changed” reads tokens that "
    "only someone who knows the fix can point at; it never supports “knows”. A frame marks the best of the others."
)


def page(record: ProbeRecord) -> Page:
    """What one probing says."""
    asked = (
        f"model {record.subject.name}, corpus {record.corpus.name}: {record.n_items:,} items, grouped "
        f"{record.corpus.grouping}"
    )
    return make_page(
        record,
        "probe",
        f"{record.subject.name} on {record.corpus.name}, probed",
        facts=(
            Fact(
                "Knows", record.decodable, f"permutation p {format_p(record.null.p)} over {record.null.n_permutations}"
            ),
            Fact("Measured", f"{record.n_items:,} items", "out of group, each scored by itself"),
        ),
        sections=(
            Section("Say and know", [Text(asked, "hint", only="terminal"), *draw_say_know(record)], is_brief=True),
            Section("Read-outs", list_readouts(record), is_brief=True),
            Section("Layer by pooling", _map_cells(record), is_brief=True),
            Section("Beyond these samples", list_generality(record)),
            Section(
                "How many pairs are enough",
                [_draw_learning(record), *(Text(line, only="terminal") for line in _tell_further(record))],
                is_brief=True,
            ),
            Section("Left out", [LeftOut([*count_left_out(record.left_out), *record.notes])], is_brief=True),
        ),
    )


def draw_say_know(record: ProbeRecord) -> list[Block]:
    """Per layer: the probe under each pooling and the logit lens, against the best surface rule and the answer."""
    lines = list_lines(record)
    return [
        Text(_EXPLANATION, "lead", only="page"),
        Curves(lines.series, lines.references, x_label="layer", y_label="AUROC", label=SAY_KNOW, x_names=EMBEDDING),
        *([Text(record.lens_reason, "hint", only="page")] if record.lens_reason else []),
    ]


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
    best = record.leading_rule
    return Lines(
        series, [(f"best surface rule: {best.name}", best.auroc.value), ("its answer", record.says[0].auroc.value)]
    )


def list_readouts(record: ProbeRecord) -> list[Block]:
    """Probe, baselines, answers and controls, with what the probe has over each."""
    rows = [
        (
            readout.name,
            Cell(show_estimate(readout.auroc), short=format_estimate(readout.auroc, "score")),
            show_estimate(readout.pair_rank),
            Cell(show_estimate(readout.behind, is_signed=True), short=_sign(readout.behind)),
            _most_chosen(readout),
        )
        for readout in (record.probe, *record.baselines, *record.says, *record.controls)
    ]
    heads = (Head("", short="read-out"), "AUROC", "pair-rank", "probe minus this", "chosen")
    missing = find_reason(record.difference.low)
    control = record.length_control
    lines = [
        f"Labels swapped within pairs and the whole selection repeated {record.null.n_permutations} times: mean AUROC "
        f"{record.null.mean_auroc:.2f}, highest {record.null.highest_auroc:.2f}, p {format_p(record.null.p)}.",
        f"Gap between the probe and a read-out of its answers: {show_estimate(record.gap, is_signed=True)}.",
        f"With held-out pairs weighted until length reads ½: {show_estimate(control.auroc)}, effective pairs "
        f"{show_number(control.effective_pairs, 0)}.",
        f"Smallest difference these groups could have shown: {show_number(record.detectable_difference)}.",
    ]
    return [
        Table(heads, rows, in_terminal=(0, 1, 3)),
        *([Text(f"no intervals: {missing}", "hint", only="terminal")] if missing else []),
        Points(lines, "hint", only="page"),
    ]


def _map_cells(record: ProbeRecord) -> list[Block]:
    """AUROC of the logistic read-out for every layer and pooling; the best cell that is no oracle is marked."""
    pools = _pools(record)
    found = {(cell.layer, cell.pooling): cell for cell in record.cells if cell.method == _METHOD}
    counted = [cell for cell in found.values() if not cell.is_oracle and isinstance(cell.auroc.value, float)]
    best = max(counted, key=lambda cell: float(cell.auroc.value), default=None)
    rows = [
        (
            "embedding" if layer < 0 else Cell(f"layer {layer}", short=str(layer)),
            [_tile(found.get((layer, pool)), best) for pool in pools],
        )
        for layer in sorted({cell.layer for cell in record.cells}, reverse=True)
    ]
    columns = [Head(f"{pool} (oracle)", short=f"{pool}*") if pool == "changed" else pool for pool in pools]
    oracle = Text("* oracle: reads tokens that only someone who knows the fix can point at", "hint", only="terminal")
    return [Map(columns, rows, caption=_CAPTION, corner="layer"), *([oracle] * ("changed" in pools))]


class _Beyond(NamedTuple):
    """A read-out of something else beside the best surface rule there; `brief` is its name in a terminal, if any."""

    name: str
    brief: str
    probe: Estimate
    baseline: str
    baseline_auroc: Estimate
    difference: Estimate | None


def _list_beyond(record: ProbeRecord) -> Iterator[_Beyond]:
    for part in record.generality:
        what = "unseen CWEs" if part.kind == "cwe" else "unseen templates"
        yield _Beyond(f"{what} ({part.n_parts})", what, part.probe, part.baseline, part.baseline_auroc, part.difference)
    for move in record.transfers:
        name = f"read on {move.corpus.name}"
        yield _Beyond(name, name, move.probe, move.baseline, move.baseline_auroc, move.difference)
    for oracle in record.oracle:
        name = f"oracle: {oracle.name}"
        yield _Beyond(name, "", oracle.probe, oracle.baseline, oracle.baseline_auroc, oracle.difference)
    if (kind := record.cwe_type) is not None:
        name = f"which of {len(kind.classes)} CWEs it is"
        yield _Beyond(name, name, kind.probe, kind.baseline, kind.baseline_auroc, None)


def list_generality(record: ProbeRecord) -> list[Block]:
    """Unseen CWEs and templates, other corpora, the oracles, and the CWE itself as a target."""
    rows = [
        (
            each.name,
            show_estimate(each.probe),
            each.baseline,
            show_estimate(each.baseline_auroc),
            show_estimate(each.difference, is_signed=True),
        )
        for each in _list_beyond(record)
    ]
    blocks: list[Block] = [Table(("", "probe", "best surface rule", "its AUROC", "difference"), rows)]
    parts = [part for each in record.generality if each.kind == "cwe" for part in each.parts]
    if parts:
        by_part = [(part.name, part.n_pairs, part.n_groups, show_estimate(part.auroc)) for part in parts]
        blocks += [
            Text("Each CWE, unseen in fitting", "heading"),
            Table(("CWE left out", "pairs", "groups", "AUROC"), by_part),
        ]
    return blocks


def _draw_learning(record: ProbeRecord) -> Block:
    """AUROC against the number of training pairs."""
    points = [
        (float(place), point.auroc, point.lowest, point.highest) for place, point in enumerate(record.learning_curve)
    ]
    return Curves(
        [Series("probe; bars span the draws", points)],
        x_label="training pairs",
        y_label="AUROC",
        label="AUROC by number of training pairs",
        x_names={float(place): f"{point.n_pairs}" for place, point in enumerate(record.learning_curve)},
    )


def _tell_further(record: ProbeRecord) -> Iterator[str]:
    """What lies beyond these samples, length held constant, the logit lens and the learning curve, a line each."""
    for each in _list_beyond(record):
        if each.brief:
            probe, rule = (format_estimate(estimate, "score") for estimate in (each.probe, each.baseline_auroc))
            yield f"{each.brief}: {probe} against {rule} for {each.baseline}"
    held = record.length_control.auroc
    if isinstance(held.value, float):
        yield f"pairs weighted until length reads 1/2: {format_estimate(held, 'score')}"
    if record.lens:
        layers = ", ".join(f"{each.layer} {format_number(each.auroc.value, 'score')}" for each in record.lens)
        yield f"logit lens, by layer: {layers}"
    if record.learning_curve:
        points = ", ".join(f"{point.n_pairs} {point.auroc:.2f}" for point in record.learning_curve)
        yield f"learning curve, by training pairs: {points}"


def _pools(record: ProbeRecord) -> list[str]:
    return list(dict.fromkeys(cell.pooling for cell in record.cells))


def _cells(record: ProbeRecord, pool: str) -> list[ProbeCell]:
    own = [cell for cell in record.cells if cell.pooling == pool and cell.method == _METHOD]
    return sorted(own, key=lambda cell: cell.layer)


def _point(cell: ProbeCell) -> tuple[float, float | NotMeasured, float | NotMeasured, float | NotMeasured]:
    return float(cell.layer), cell.auroc.value, cell.auroc.low, cell.auroc.high


def _tile(cell: ProbeCell | None, best: ProbeCell | None) -> Tile | None:
    if cell is None or isinstance(cell.auroc.value, NotMeasured):
        return None
    value = cell.auroc.value
    return Tile(f"{value:.2f}", 2 * (value - 0.5), show_estimate(cell.auroc), is_marked=cell is best)


def _most_chosen(readout: ProbeScore) -> str:
    if not readout.chosen:
        return ""
    first = max(dict.fromkeys(readout.chosen), key=readout.chosen.count)
    return f"{first} ({readout.chosen.count(first)} of {len(readout.chosen)} folds)"


def _sign(estimate: Estimate | None) -> str:
    """A difference for a terminal; why it has no interval stands below the table."""
    if estimate is None:
        return ""
    has_interval = isinstance(estimate.low, float) and isinstance(estimate.high, float)
    return show_estimate(estimate, is_signed=True) if has_interval else show_number(estimate.value, is_signed=True)
