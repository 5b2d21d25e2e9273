"""Simulated data with a known truth: how far figures lie from it, how often intervals hold it, how often tests err.

Figures that are printed with an interval, and tests, at several numbers of groups. A cell draws data and hands out the
very statistic that studies use; value, interval and p-value come from `vulnscope.stats`. A further figure is one more
entry of `FIGURES`, a further test one of `TESTS`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.integrate import quad
from scipy.stats import norm

from benchmarks.options import Options
from benchmarks.results import describe_machine
from vulnscope.records.base import Number
from vulnscope.stats import (
    AurocStatistic,
    Bootstrap,
    Floats,
    Groups,
    Statistic,
    auroc_statistic,
    average_precision_statistic,
    balanced_accuracy_statistic,
    change_test,
    estimate,
    matthews_statistic,
    mean_statistic,
    pair_ranks,
    recall_statistic,
    sign_flip_test,
    subtract,
    swap_test,
)

N_SIMULATIONS = 500
GROUP_COUNTS = (8, 24, 48, 120)
LIMIT = 0.065
"""Share of draws at which a 5 % test may err."""

Generator = np.random.Generator


class Drawn(NamedTuple):
    """A statistic of drawn data and the groups it goes by."""

    statistic: Statistic
    groups: Groups


class Figure(NamedTuple):
    """What is drawn from so many groups, what is true of it, and how `estimate` is told to make its interval."""

    draw: Callable[[Generator, int], Drawn]
    truth: float
    told: dict[str, Any]
    group_counts: tuple[int, ...] = GROUP_COUNTS
    is_two_sided: bool = False
    """Whether so many groups stand on either of two sides, which decide the interval."""


class Cell(NamedTuple):
    """What became of one figure at one number of groups."""

    bias: float
    coverage: float
    n_with_interval: int
    n_effective: float
    methods: tuple[str, ...]


class Twins(NamedTuple):
    """Margins of twins: strata of so many pairs, groups of one pair or projects of about three."""

    groups: Groups
    is_positive: np.ndarray
    strata: list[int]
    shared: Floats


def draw_twins(generator: Generator, n_groups: int, *, n_pairs: int, in_projects: bool) -> Twins:
    """Pairs dealt over strata of `n_pairs` in order, so that a project spans several of them."""
    size = 3 if in_projects else 1
    group = generator.integers(0, n_groups, size=size * n_groups) if in_projects else np.arange(n_groups)
    own = generator.normal(size=len(group))
    shared = np.sqrt(0.3) * generator.normal(size=n_groups)[group] + np.sqrt(0.7) * own if in_projects else own
    groups = Groups.from_labels(np.repeat(group, 2).tolist())
    strata = np.repeat(np.arange(len(group)) // n_pairs, 2).tolist()
    return Twins(groups, np.tile([True, False], len(group)), strata, np.repeat(shared, 2))


def draw_auroc(
    generator: Generator, n_groups: int, *, area: float, n_pairs: int, correlation: float, in_projects: bool
) -> Drawn:
    """Margins of twins correlate at `correlation`; minimal edits come to 0.99."""
    twins = draw_twins(generator, n_groups, n_pairs=n_pairs, in_projects=in_projects)
    return Drawn(_rank(generator, twins, twins.shared, area, correlation), twins.groups)


def draw_auroc_change(generator: Generator, n_groups: int, *, n_pairs: int, change: float) -> Drawn:
    """Two models on the same twins, the second better by `change` from 0.6; their margins correlate at about 0.5."""
    twins = draw_twins(generator, n_groups, n_pairs=n_pairs, in_projects=False)
    before, after = (
        np.sqrt(0.5) * twins.shared + np.sqrt(0.5) * np.repeat(generator.normal(size=n_groups), 2) for _ in "12"
    )
    first = _rank(generator, twins, before, 0.6, 0.9)
    return Drawn(_rank(generator, twins, after, 0.6 + change, 0.9) - first, twins.groups)


def draw_pair_rank(generator: Generator, n_groups: int, *, rank: float) -> Drawn:
    """Clusters of 1 to 5 pairs with a shared effect; the vulnerable twin scores higher with probability `rank`."""
    groups = uneven_groups(generator, n_groups)
    noise = np.sqrt(0.3) * generator.normal(size=n_groups)[groups.index]
    difference = norm.ppf(rank) + noise + np.sqrt(0.7) * generator.normal(size=groups.n_items)
    return Drawn(mean_statistic(pair_ranks(difference, np.zeros(groups.n_items)), groups), groups)


def draw_share(generator: Generator, n_groups: int, *, rate: float, spread: float = 0.0) -> Drawn:
    """Clusters that share a rate drawn around `rate` (intraclass correlation 0.2); `spread` as in `uneven_groups`."""
    groups = uneven_groups(generator, n_groups, spread)
    return Drawn(mean_statistic(_flags(generator, rate, groups), groups), groups)


def draw_mean(generator: Generator, n_groups: int, *, spread: float = 0.0) -> Drawn:
    """Margins of clusters that share half of their variance, around 0."""
    groups = uneven_groups(generator, n_groups, spread)
    values = generator.normal(size=n_groups)[groups.index] + generator.normal(size=groups.n_items)
    return Drawn(mean_statistic(values, groups), groups)


def draw_share_change(generator: Generator, n_groups: int) -> Drawn:
    """Right after at a rate of 0.5 shared by the cluster; before the same in 7 of 10 items, else right at 0.3."""
    groups = uneven_groups(generator, n_groups)
    after = _flags(generator, 0.5, groups)
    is_same, other = generator.random(groups.n_items) < 0.7, generator.random(groups.n_items) < 0.3
    before = np.where(is_same, after, other)
    return Drawn(subtract(mean_statistic(after, groups), mean_statistic(before, groups)), groups)


def draw_balanced_accuracy(generator: Generator, n_groups: int) -> Drawn:
    """Clusters of 1 to 5 items, a third of them vulnerable, each right at a rate of 0.6 shared by its cluster."""
    groups = uneven_groups(generator, n_groups)
    is_vulnerable = generator.random(groups.n_items) < 1 / 3
    return Drawn(balanced_accuracy_statistic(is_vulnerable, _flags(generator, 0.6, groups), groups), groups)


def draw_matthews(generator: Generator, n_groups: int) -> Drawn:
    """Twins, each answered right at a rate of 0.6 shared by the pair: a correlation of 0.2."""
    groups = Groups(np.repeat(np.arange(n_groups), 2), n_groups)
    is_vulnerable = np.tile([True, False], n_groups)
    return Drawn(matthews_statistic(is_vulnerable, is_vulnerable == _flags(generator, 0.6, groups), groups), groups)


def draw_average_precision(generator: Generator, n_groups: int) -> Drawn:
    """Twins of AUROC 0.6 whose margins correlate at 0.9, in one stratum."""
    twins = draw_twins(generator, n_groups, n_pairs=n_groups, in_projects=False)
    scores = _margins(generator, twins, twins.shared, 0.6, 0.9)
    return Drawn(average_precision_statistic(scores, twins.is_positive, twins.groups), twins.groups)


def draw_recall(generator: Generator, n_groups: int) -> Drawn:
    """Files of 1 to 20 ordinary functions whose margins correlate at 0.2, and as many single vulnerable samples."""
    sizes = generator.integers(1, 21, size=n_groups)
    groups = Groups(
        np.concatenate([np.repeat(np.arange(n_groups), sizes), n_groups + np.arange(n_groups)]), 2 * n_groups
    )
    is_positive = groups.index >= n_groups
    noise = np.sqrt(0.2) * generator.normal(size=2 * n_groups)[groups.index]
    shift = norm.ppf(0.3) - norm.ppf(0.05)
    scores = noise + np.sqrt(0.8) * generator.normal(size=groups.n_items) + shift * is_positive
    return Drawn(recall_statistic(scores, is_positive, groups, 0.05), groups)


def true_average_precision(area: float) -> float:
    """Integral of precision over recall for normal scores of equal variance and as many positives as negatives."""

    def precision(recall: float) -> float:
        cut = norm.ppf(1 - recall) + _shift(area)
        return float(recall / (recall + norm.sf(cut)))

    return float(quad(precision, 0, 1)[0])


def uneven_groups(generator: Generator, n_groups: int, spread: float = 0.0) -> Groups:
    """Groups of 1 to 5 items; with `spread` log-normal sizes around 3, of which a few hold most items."""
    sizes = generator.integers(1, 6, size=n_groups)
    if spread:
        sizes = np.ceil(3 * np.exp(spread * generator.normal(size=n_groups))).astype(np.int64)
    return Groups(np.repeat(np.arange(n_groups), sizes), n_groups)


def _rank(generator: Generator, twins: Twins, shared: Floats, area: float, correlation: float) -> AurocStatistic:
    scores = _margins(generator, twins, shared, area, correlation)
    return auroc_statistic(scores, twins.is_positive, twins.groups, twins.strata)


def _margins(generator: Generator, twins: Twins, shared: Floats, area: float, correlation: float) -> Floats:
    noise = np.sqrt(1 - correlation) * generator.normal(size=len(shared))
    scores: Floats = np.sqrt(correlation) * shared + noise + _shift(area) * twins.is_positive
    return scores


def _flags(generator: Generator, rate: float, groups: Groups) -> np.ndarray:
    rates = generator.beta(rate * 4, (1 - rate) * 4, size=groups.n_groups)
    return generator.random(groups.n_items) < rates[groups.index]


def _shift(area: float) -> float:
    return float(np.sqrt(2) * norm.ppf(area))


def _list_aurocs() -> dict[str, Figure]:
    """Strata of 2, 5 and 60 pairs, twins nearly equal and noisy, pairs alone and in projects."""
    found = {}
    for n_pairs in (2, 5, 60):
        for twins, correlation in (("nearly equal", 0.99), ("noisy", 0.3)):
            for where, in_projects in (("alone", False), ("in projects", True)):
                draw = partial(draw_auroc, area=0.5, n_pairs=n_pairs, correlation=correlation, in_projects=in_projects)
                found[f"AUROC, strata of {n_pairs} pairs, twins {twins}, pairs {where}"] = Figure(draw, 0.5, {})
    for n_pairs in (5, 60):
        draw = partial(draw_auroc, area=0.9, n_pairs=n_pairs, correlation=0.9, in_projects=False)
        found[f"AUROC, strata of {n_pairs} pairs, high"] = Figure(draw, 0.9, {})
    for n_pairs, change in ((2, 0.0), (60, 0.0), (60, 0.1)):
        draw = partial(draw_auroc_change, n_pairs=n_pairs, change=change)
        found[f"change of AUROC by {change:g}, strata of {n_pairs} pairs"] = Figure(draw, change, {})
    return found


_RATE = {"is_proportion": True}
_SHARE = {"low": 0.0, "high": 1.0}
_CHANGE = {"low": -1.0, "high": 1.0}
FIGURES: dict[str, Figure] = {
    **_list_aurocs(),
    "pair-rank of .5": Figure(partial(draw_pair_rank, rank=0.5), 0.5, _RATE),
    "pair-rank of .7": Figure(partial(draw_pair_rank, rank=0.7), 0.7, _RATE),
    "share of .3": Figure(partial(draw_share, rate=0.3), 0.3, _RATE),
    "share of .9": Figure(partial(draw_share, rate=0.9), 0.9, _RATE),
    "share of .3, groups very unequal": Figure(partial(draw_share, rate=0.3, spread=1.0), 0.3, _RATE),
    "change of a share": Figure(draw_share_change, 0.06, _CHANGE),
    "mean margin": Figure(draw_mean, 0.0, {}),
    "mean margin, groups very unequal": Figure(partial(draw_mean, spread=1.0), 0.0, {}),
    "balanced accuracy": Figure(draw_balanced_accuracy, 0.6, _SHARE),
    "Matthews correlation": Figure(draw_matthews, 0.2, _CHANGE),
    "average precision": Figure(draw_average_precision, true_average_precision(0.6), {**_SHARE, "is_jackknifed": True}),
    "recall at 5 % false positives": Figure(draw_recall, 0.3, _SHARE, is_two_sided=True),
}


def measure_figure(name: str, n_groups: int, n_simulations: int = N_SIMULATIONS) -> Cell:
    """Bias, coverage and methods of the intervals of `n_simulations` draws."""
    figure = FIGURES[name]
    values, methods, covered, effective = [], set(), [], []
    for seed in range(n_simulations):
        drawn = figure.draw(np.random.default_rng([n_groups, seed]), n_groups)
        told = {**figure.told, "n_effective": float(n_groups)} if figure.is_two_sided else figure.told
        found = estimate(drawn.statistic, drawn.groups, Bootstrap(n_draws=1000, seed=seed), **told)
        effective.append(drawn.groups.n_effective)
        if isinstance(found.value, float):
            values.append(found.value)
        if isinstance(found.low, float) and isinstance(found.high, float):
            covered.append(found.low <= figure.truth <= found.high)
            methods.add(found.method)
    return Cell(
        bias=float(np.mean(values)) - figure.truth,
        coverage=float(np.mean(covered)) if covered else 0.0,
        n_with_interval=len(covered),
        n_effective=float(np.mean(effective)),
        methods=tuple(sorted(methods)),
    )


def swap_p(generator: Generator, n_groups: int) -> Number:
    """Clusters of pairs whose ranking shares a symmetric effect."""
    groups = uneven_groups(generator, n_groups)
    effect = generator.normal(size=n_groups)[groups.index]
    return swap_test(np.sign(effect + generator.normal(size=groups.n_items)).astype(int), groups)


def sign_flip_p(generator: Generator, n_groups: int) -> Number:
    """Clusters of heavy-tailed changes that share a symmetric effect."""
    groups = uneven_groups(generator, n_groups)
    effect = generator.normal(size=n_groups)[groups.index]
    change: Floats = effect + generator.standard_t(3, size=groups.n_items)
    return sign_flip_test(change, groups, n_draws=999, seed=int(generator.integers(2**31)))


def change_p(generator: Generator, n_groups: int, *, n_pairs: int) -> Number:
    """Two models of equal AUROC on the same twins."""
    drawn = draw_auroc_change(generator, n_groups, n_pairs=n_pairs, change=0.0)
    return change_test(drawn.statistic, n_groups, n_draws=999, seed=int(generator.integers(2**31)))


TESTS: dict[str, Callable[[Generator, int], Number]] = {
    "swap within pairs": swap_p,
    "sign flip": sign_flip_p,
    "change of AUROC, strata of 2 pairs": partial(change_p, n_pairs=2),
    "change of AUROC, strata of 60 pairs": partial(change_p, n_pairs=60),
}


def measure_size(test: str, n_groups: int, n_simulations: int = N_SIMULATIONS) -> float:
    """Share of null draws that the test rejects at 5 %."""
    draws = [TESTS[test](np.random.default_rng([seed, n_groups]), n_groups) for seed in range(n_simulations)]
    return float(np.mean([isinstance(p, float) and p <= 0.05 for p in draws]))


def run(options: Options, say: Callable[[str], None]) -> dict[str, Any]:
    """The record: size of every test, bias and coverage of every figure."""
    n_simulations = 20 if options.is_quick else N_SIMULATIONS
    names = [name for name in (*TESTS, *FIGURES) if not options.only or name in options.only]
    sizes: dict[str, dict[str, float]] = {}
    cells: dict[str, dict[str, dict[str, Any]]] = {}
    for name in names:
        if name in TESTS:
            sizes[name] = {str(n): measure_size(name, n, n_simulations) for n in GROUP_COUNTS}
            say(f"{name}: rejects {sizes[name]}")
        if name in FIGURES:
            found = {str(n): measure_figure(name, n, n_simulations) for n in FIGURES[name].group_counts}
            cells[name] = {n: cell._asdict() for n, cell in found.items()}
            shown = ", ".join(f"{cell.coverage:.3f} at {n} ({cell.bias:+.3f})" for n, cell in found.items())
            say(f"{name}: holds {shown}")
    return {
        "machine": describe_machine(torch.device(options.device)),
        "is_quick": options.is_quick,
        "n_simulations": n_simulations,
        "limit": LIMIT,
        "sizes": sizes,
        "figures": cells,
    }


def render(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    heads = " | ".join(f"{n} groups" for n in GROUP_COUNTS)
    rule = "---:|" * len(GROUP_COUNTS)
    lines = [
        "## Simulations",
        "",
        f"Drawn data with a known truth, {record['n_simulations']} draws a cell, so a coverage of 95 % is known to 2 "
        "points. Groups are clusters of dependent items, as in real corpora. First, how often a test rejects at 5 % "
        f"where nothing is there (limit {record['limit']:.1%}).",
        "",
        f"| test | {heads} |",
        f"|---|{rule}",
        *(
            f"| {name} | {_join(f'{found[str(n)]:.1%}' for n in GROUP_COUNTS)} |"
            for name, found in record["sizes"].items()
        ),
        "",
        "Then, how often a 95 % interval holds the truth, and in brackets how far the mean of the figure lies from it; "
        "a dash where fewer than a tenth of the draws carry an interval.",
        "",
        f"| figure | {heads} |",
        f"|---|{rule}",
    ]
    for name, cells in record["figures"].items():
        shown = (_show(cells.get(str(n)), record["n_simulations"]) for n in GROUP_COUNTS)
        lines.append(f"| {name} | {_join(shown)} |")
    return "\n".join(lines)


def _show(cell: dict[str, Any] | None, n_simulations: int) -> str:
    if cell is None:
        return ""
    is_shown = cell["n_with_interval"] >= n_simulations / 10
    coverage = f"{cell['coverage']:.1%}" if is_shown else "—"
    return f"{coverage} ({cell['bias']:+.3f})"


def _join(parts: Any) -> str:
    return " | ".join(parts)
