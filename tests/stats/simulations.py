"""Simulated data with a known truth: how often intervals cover it, and how often tests reject it.

`python -m tests.stats.simulations` measures all of it and writes the tables into `docs/measures.md`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.integrate import quad
from scipy.stats import norm

from vulnscope.records.base import Estimate, Number
from vulnscope.stats import (
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
    swap_test,
)

N_SIMULATIONS = 2000
GROUP_COUNTS = (8, 24, 48, 100, 200)
PAGE = Path(__file__).parents[2] / "docs" / "measures.md"
BEGIN, END = "<!-- simulations:begin -->", "<!-- simulations:end -->"

Generator = np.random.Generator


class Drawn(NamedTuple):
    statistic: Statistic
    groups: Groups


class Figure(NamedTuple):
    """How data are drawn at a setting, what is true there, at which settings, and how the interval is made."""

    draw: Callable[[Generator, float, int], Drawn]
    settings: tuple[float, ...]
    truth: Callable[[float], float]
    is_proportion: bool = False
    is_jackknifed: bool = False
    n_draws: int = 2000


class Coverage(NamedTuple):
    rate: float
    n_with_interval: int


def draw_share(generator: Generator, rate: float, n_groups: int) -> Drawn:
    """Clusters of 1 to 5 items that share a rate drawn around `rate` (intraclass correlation 0.2)."""
    groups = uneven_groups(generator, n_groups)
    return Drawn(mean_statistic(_flags(generator, rate, groups), groups), groups)


def draw_auroc(generator: Generator, area: float, n_groups: int) -> Drawn:
    """One pair per group in four strata; margins of twins correlate at 0.9, as those of minimal edits do."""
    groups, is_positive, scores = _twins(generator, area, n_groups)
    return Drawn(auroc_statistic(scores, is_positive, groups, (groups.index % 4).tolist()), groups)


def draw_pair_rank(generator: Generator, rank: float, n_groups: int) -> Drawn:
    """Clusters of 1 to 5 pairs with a shared effect; the vulnerable twin scores higher with probability `rank`."""
    groups = uneven_groups(generator, n_groups)
    noise = np.sqrt(0.3) * generator.normal(size=n_groups)[groups.index]
    difference = norm.ppf(rank) + noise + np.sqrt(0.7) * generator.normal(size=groups.n_items)
    return Drawn(mean_statistic(pair_ranks(difference, np.zeros(groups.n_items)), groups), groups)


def draw_balanced_accuracy(generator: Generator, rate: float, n_groups: int) -> Drawn:
    """Clusters of 1 to 5 items, a third of them vulnerable, each right at a rate shared by its cluster."""
    groups = uneven_groups(generator, n_groups)
    is_vulnerable = generator.random(groups.n_items) < 1 / 3
    return Drawn(balanced_accuracy_statistic(is_vulnerable, _flags(generator, rate, groups), groups), groups)


def draw_matthews(generator: Generator, rate: float, n_groups: int) -> Drawn:
    """Twins, each answered right at a rate shared by the pair: a correlation of 2 rate - 1."""
    groups = Groups(np.repeat(np.arange(n_groups), 2), n_groups)
    is_vulnerable = np.tile([True, False], n_groups)
    return Drawn(matthews_statistic(is_vulnerable, is_vulnerable == _flags(generator, rate, groups), groups), groups)


def draw_average_precision(generator: Generator, area: float, n_groups: int) -> Drawn:
    """Twins as for the AUROC, in one stratum."""
    groups, is_positive, scores = _twins(generator, area, n_groups)
    return Drawn(average_precision_statistic(scores, is_positive, groups), groups)


def draw_recall(generator: Generator, recall: float, n_groups: int) -> Drawn:
    """Files of 1 to 20 ordinary functions whose margins correlate at 0.2, and as many single vulnerable samples."""
    sizes = generator.integers(1, 21, size=n_groups)
    groups = Groups(
        np.concatenate([np.repeat(np.arange(n_groups), sizes), n_groups + np.arange(n_groups)]), 2 * n_groups
    )
    is_positive = groups.index >= n_groups
    noise = np.sqrt(0.2) * generator.normal(size=2 * n_groups)[groups.index]
    shift = norm.ppf(recall) - norm.ppf(0.05)
    scores = noise + np.sqrt(0.8) * generator.normal(size=groups.n_items) + shift * is_positive
    return Drawn(recall_statistic(scores, is_positive, groups, 0.05), groups)


def draw_auroc_change(generator: Generator, change: float, n_groups: int) -> Drawn:
    """Two models on the same twins, the second better by `change` from 0.6; their margins correlate at 0.5."""
    groups = Groups(np.repeat(np.arange(n_groups), 2), n_groups)
    is_positive = np.tile([True, False], n_groups)
    shared, one, other = generator.normal(size=(3, n_groups))[:, groups.index]
    noise = generator.normal(size=(2, 2 * n_groups))
    before, after = (
        np.sqrt(0.45) * shared + np.sqrt(0.45) * own + np.sqrt(0.1) * noise[side] + _shift(area) * is_positive
        for side, (own, area) in enumerate(((one, 0.6), (other, 0.6 + change)))
    )
    first, second = (auroc_statistic(scores, is_positive, groups) for scores in (before, after))
    return Drawn(second - first, groups)


def true_average_precision(area: float) -> float:
    """Integral of precision over recall for normal scores of equal variance and as many positives as negatives."""

    def precision(recall: float) -> float:
        cut = norm.ppf(1 - recall) + _shift(area)
        return float(recall / (recall + norm.sf(cut)))

    return float(quad(precision, 0, 1)[0])


def same(setting: float) -> float:
    return setting


FIGURES: dict[str, Figure] = {
    "share": Figure(draw_share, (0.3, 0.9), same, is_proportion=True),
    "AUROC": Figure(draw_auroc, (0.5, 0.6, 0.9), same),
    "pair-rank": Figure(draw_pair_rank, (0.5, 0.7), same, is_proportion=True),
    "balanced accuracy": Figure(draw_balanced_accuracy, (0.6,), same),
    "Matthews correlation": Figure(draw_matthews, (0.6,), lambda rate: 2 * rate - 1),
    "average precision": Figure(draw_average_precision, (0.6,), true_average_precision, is_jackknifed=True),
    "recall at 5 % false positives": Figure(draw_recall, (0.3,), same, n_draws=500),
    "change of AUROC": Figure(draw_auroc_change, (0.0, 0.1), same, is_jackknifed=True),
}


def measure_coverage(figure: str, setting: float, n_groups: int, n_simulations: int = N_SIMULATIONS) -> Coverage:
    kind = FIGURES[figure]
    truth = kind.truth(setting)
    covered = n_with_interval = 0
    for seed in range(n_simulations):
        drawn = kind.draw(np.random.default_rng([n_groups, seed]), setting, n_groups)
        result = _estimate(kind, drawn, n_groups, seed)
        if isinstance(result.low, float) and isinstance(result.high, float):
            n_with_interval += 1
            covered += result.low <= truth <= result.high
    return Coverage(covered / max(n_with_interval, 1), n_with_interval)


def _estimate(kind: Figure, drawn: Drawn, n_groups: int, seed: int) -> Estimate:
    """The interval as the package gives it; where two sides have `n_groups` each, these decide."""
    return estimate(
        drawn.statistic,
        drawn.groups,
        Bootstrap(n_draws=kind.n_draws, seed=seed),
        is_proportion=kind.is_proportion,
        is_jackknifed=kind.is_jackknifed,
        n_effective=float(n_groups) if drawn.groups.n_groups > n_groups else None,
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


def change_p(generator: Generator, n_groups: int) -> Number:
    """Two models of equal AUROC on the same twins."""
    drawn = draw_auroc_change(generator, 0.0, n_groups)
    return change_test(drawn.statistic, n_groups, n_draws=999, seed=int(generator.integers(2**31)))


TESTS: dict[str, Callable[[Generator, int], Number]] = {
    "swap within pairs": swap_p,
    "sign flip": sign_flip_p,
    "change of AUROC": change_p,
}


def measure_size(test: str, n_groups: int, n_simulations: int = N_SIMULATIONS) -> float:
    """Share of null draws that the test rejects at 5 %."""
    draws = (TESTS[test](np.random.default_rng([seed, n_groups]), n_groups) for seed in range(n_simulations))
    return float(np.mean([float(p) <= 0.05 for p in draws]))  # type: ignore[arg-type]


def uneven_groups(generator: Generator, n_groups: int) -> Groups:
    return Groups(np.repeat(np.arange(n_groups), generator.integers(1, 6, size=n_groups)), n_groups)


def _flags(generator: Generator, rate: float, groups: Groups) -> np.ndarray:
    rates = generator.beta(rate * 4, (1 - rate) * 4, size=groups.n_groups)
    return generator.random(groups.n_items) < rates[groups.index]


def _shift(area: float) -> float:
    return float(np.sqrt(2) * norm.ppf(area))


def _twins(generator: Generator, area: float, n_groups: int) -> tuple[Groups, np.ndarray, Floats]:
    groups = Groups(np.repeat(np.arange(n_groups), 2), n_groups)
    is_positive = np.tile([True, False], n_groups)
    shared = np.sqrt(0.9) * generator.normal(size=n_groups)[groups.index]
    return groups, is_positive, shared + np.sqrt(0.1) * generator.normal(size=2 * n_groups) + _shift(area) * is_positive


def render_tables(n_simulations: int = N_SIMULATIONS) -> str:
    """Measured size and coverage as Markdown; an em dash where no interval is given."""
    heads = " | ".join(f"{n} groups" for n in GROUP_COUNTS)
    lines = [f"| test | {heads} |", f"|---|{'---|' * len(GROUP_COUNTS)}"]
    for test in TESTS:
        sizes = " | ".join(f"{100 * measure_size(test, n, n_simulations):.1f} %" for n in GROUP_COUNTS)
        lines.append(f"| {test} | {sizes} |")
        print(lines[-1], file=sys.stderr, flush=True)  # noqa: T201
    lines += ["", f"| figure | truth | {heads} |", f"|---|---|{'---|' * len(GROUP_COUNTS)}"]
    for name, figure in FIGURES.items():
        for setting in figure.settings:
            cells = [measure_coverage(name, setting, n, n_simulations) for n in GROUP_COUNTS]
            shown = " | ".join(f"{100 * cell.rate:.1f} %" if cell.n_with_interval else "—" for cell in cells)
            lines.append(f"| {name} | {figure.truth(setting):.2g} | {shown} |")
            print(lines[-1], file=sys.stderr, flush=True)  # noqa: T201
    return "\n".join(lines)


def write_page(tables: str) -> None:
    """Replace what stands between the markers of the page."""
    page = PAGE.read_text(encoding="utf-8")
    if BEGIN not in page:
        raise SystemExit(f"{PAGE} has no line {BEGIN}")
    part = f"{BEGIN}\n{tables}\n{END}"
    PAGE.write_text(re.sub(f"{BEGIN}.*?{END}", lambda _: part, page, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    write_page(render_tables(int(sys.argv[1]) if len(sys.argv) > 1 else N_SIMULATIONS))
