"""What of an audit record stands where on the page. Chooses, orders and words; computes no figure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

from vulnscope.cwe import describe_cwe
from vulnscope.records.audit import AuditRecord, Baseline, CorpusInfo, PairCells, PairView, Slice
from vulnscope.records.base import Estimate, NotMeasured, Number
from vulnscope.records.rows import Truncation
from vulnscope.report.draw.diff import Segments, diff_lines
from vulnscope.report.format import Scale, format_number, format_p, kind_of_reason, merge_reasons
from vulnscope.report.visible import show_invisible

SYNTHETIC = "synthetic"

KIND_TITLES: dict[str, str] = {
    "all": "All",
    "corpus": "By corpus",
    "part": "By part of the corpus",
    "cwe": "By CWE",
    "language": "By language",
    "difficulty": "By difficulty",
    "augmentation": "By augmentation",
    "split": "By split of the publisher",
    "cut": "By cut of over-long samples",
}

# More points than this make the page slow and the picture black.
_MAX_POINTS = 4000


class Tile(NamedTuple):
    """One key figure: what it is called, its value, what to hold against it, and what that means."""

    term: str
    label: str
    estimate: Estimate
    scale: Scale
    reference: Number | None
    note: str


class Cell(NamedTuple):
    """One share of the pairs."""

    key: str
    label: str
    share: float


class SliceGroup(NamedTuple):
    """The rows of one kind, under one heading."""

    title: str
    slices: tuple[Slice, ...]


class Footnotes:
    """Reasons of one table, numbered in order of first use; those that differ only in numbers share a note."""

    def __init__(self) -> None:
        self._marked: dict[tuple[str, ...], list[str]] = {}

    @property
    def reasons(self) -> list[str]:
        """The notes in order, so far."""
        return merge_reasons(reason for marked in self._marked.values() for reason in marked)

    def mark(self, reason: str) -> int:
        """The number of the note that holds `reason`, from 1."""
        kind = kind_of_reason(reason)
        self._marked.setdefault(kind, []).append(reason)
        return list(self._marked).index(kind) + 1


def is_synthetic(corpus: CorpusInfo) -> bool:
    """Whether the code was generated rather than found."""
    return corpus.name.partition(":")[0] == SYNTHETIC


def is_ensemble(record: AuditRecord) -> bool:
    """Whether finished runs were put together rather than a model asked."""
    return record.protocol == "combined"


def has_answers(record: AuditRecord) -> bool:
    """Whether there are answers in words, or of the members of an ensemble, to show."""
    return record.answers is not None and not (is_ensemble(record) and len(record.answers.prompts) < 2)


def list_tiles(record: AuditRecord) -> tuple[Tile, ...]:
    """The key figures in reading order."""
    overall = record.overall
    scored = "the margin" if record.readout == "log-odds" else "verdicts"
    tiles = [
        Tile("yes-rate", "Says vulnerable", overall.yes_rate, "rate", None, "of all answers; half of the code is"),
        Tile(
            "pair-correct",
            "Both twins right",
            overall.pair_correct,
            "rate",
            overall.pair_correct_chance,
            f"chance at its yes-rate {format_number(overall.pair_correct_chance, 'rate')}; "
            f"p {_relation(overall.pair_correct_p_corrected)}",
        ),
        Tile(
            "pair-rank",
            "Twins ranked right",
            overall.pair_rank,
            "rate",
            0.5,
            f"guessing gives 50 %; p {_relation(overall.pair_rank_p_corrected)}",
        ),
        Tile("auroc", f"AUROC of {scored}", overall.auroc, "score", 0.5, _tell_unranked(overall)),
        Tile("says", "No clear answer", overall.unparsed_rate, "rate", None, "neither yes nor no, counted as wrong"),
    ]
    if (best := find_best_baseline(overall.baselines)) is not None:
        note = "AUROC of the best rule without a model"
        tiles.insert(4, Tile("baseline", f"Best baseline: {best.name}", best.auroc, "score", 0.5, note))
    return tuple(tiles)


def _tell_unranked(overall: Slice) -> str:
    """What guessing gives and, where some samples have none to be ranked against, how many."""
    if not overall.unranked_share:
        return "guessing gives 0.50"
    share = format_number(overall.unranked_share, "rate")
    return f"guessing gives 0.50; leaves out {share} of samples, alone in their CWE and language"


def find_best_baseline(baselines: Sequence[Baseline]) -> Baseline | None:
    """The baseline with the highest measured AUROC; None where none is measured."""
    measured = [(value, -place) for place, b in enumerate(baselines) if isinstance(value := b.auroc.value, float)]
    return baselines[-max(measured)[1]] if measured else None


def list_cells(cells: PairCells | None) -> tuple[Cell, ...]:
    """The outcomes of pairs in reading order; () where no pair was answered."""
    if cells is None:
        return ()
    return (
        Cell("right", "both right", cells.both_right),
        Cell("vulnerable", "both called vulnerable", cells.both_vulnerable),
        Cell("fixed", "both called secure", cells.both_fixed),
        Cell("wrong", "both wrong", cells.both_wrong),
        Cell("unparsed", "an answer unparsed", cells.unparsed),
    )


def group_slices(record: AuditRecord) -> tuple[SliceGroup, ...]:
    """The overall row, then the slices by kind in the order of `KIND_TITLES`."""
    order = {kind: place for place, kind in enumerate(KIND_TITLES)}
    ordered = sorted(record.slices, key=lambda part: order[part.kind])
    groups = (SliceGroup(KIND_TITLES[kind], tuple(parts)) for kind, parts in groupby(ordered, lambda part: part.kind))
    return (SliceGroup(KIND_TITLES["all"], (record.overall,)), *groups)


def name_slice(part: Slice) -> str:
    """`CWE-89 SQL Injection`, `python`, `all samples`."""
    if part.kind == "all":
        return "all samples"
    return describe_cwe(part.value) if part.kind == "cwe" else part.value


def describe_cut(cut: Truncation) -> str:
    """Which lines of an over-long sample the model saw."""
    around = {"changed-window": "around the change", "function": "by function", "head": "from the top"}[cut.kind]
    return f"over-long: the model saw lines {cut.first_line}–{cut.last_line} of {cut.n_lines}, cut {around}"


def describe_impossible(record: AuditRecord) -> str:
    """How many answers came with log-probabilities that cannot be; empty where none did."""
    found = record.answers
    if found is None or not found.n_impossible:
        return ""
    return (
        f"impossible log-probabilities from the server in {found.n_impossible:,} of {sum(found.states.values()):,} "
        "answers: not used, their text was read"
    )


def chart_data(record: AuditRecord) -> dict[str, Any]:
    """What the scripts draw: points, twins and slices as plain values, pairs with their diffs."""
    step = -(-len(record.points) // _MAX_POINTS) or 1
    return {
        "readout": record.readout,
        "points": [
            [point.label, point.margin, point.acquiescence, point.says, point.sample, point.cwe, point.log_odds]
            for point in record.points[::step]
        ],
        "n_points": len(record.points),
        "n_pairs_not_shown": record.n_pairs_not_shown,
        "slices": [
            {
                "kind": part.kind,
                "name": name_slice(part),
                "n_pairs": part.n_pairs,
                "yes": _interval(part.yes_rate),
                "auroc": _interval(part.auroc),
                "d": _plain(part.d_prime),
                "c": _plain(part.criterion),
            }
            for part in (record.overall, *record.slices)
        ],
        "pairs": [_pair(pair) for pair in record.pairs],
        "reliability": _reliability(record),
        "background": list(record.background.margins) if record.background else [],
    }


def _reliability(record: AuditRecord) -> list[dict[str, Any]]:
    found = record.classification.calibration if record.classification else None
    if found is None:
        return []
    return [
        {"stated": each.mean_probability, "share": _interval(each.share_vulnerable), "n": each.n} for each in found.bins
    ]


def _pair(pair: PairView) -> dict[str, Any]:
    return {
        "id": pair.pair,
        "cwe": pair.cwe,
        "language": pair.language,
        "margins": [pair.vulnerable_margin, pair.fixed_margin],
        "says": [pair.vulnerable_says, pair.fixed_says],
        "decided": list(pair.log_odds),
        "notes": [*([describe_cut(pair.cut)] if pair.cut else []), *pair.notes],
        "diff": [[_show(row.left), _show(row.right)] for row in diff_lines(pair.vulnerable_code, pair.fixed_code)],
    }


def _show(segments: Segments | None) -> list[str] | None:
    return None if segments is None else [show_invisible(segment) for segment in segments]


def _interval(estimate: Estimate) -> list[float | None]:
    return [_plain(estimate.value), _plain(estimate.low), _plain(estimate.high)]


def _plain(value: Number) -> float | None:
    return None if isinstance(value, NotMeasured) else value


def _relation(p: Number) -> str:
    text = format_p(p)
    if isinstance(p, NotMeasured):
        return text
    return text if text.startswith("<") else f"= {text}"
