"""Coverage of intervals and size of tests on simulated data; run as a script it prints the table of the docs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from scipy.stats import norm

from vulnscope.records.base import Number
from vulnscope.stats import (
    Bootstrap,
    Floats,
    Groups,
    Statistic,
    auroc_statistic,
    estimate,
    mean_statistic,
    pair_ranks,
    sign_flip_test,
    swap_test,
)

N_SIMULATIONS = 2000


class Drawn(NamedTuple):
    statistic: Statistic
    groups: Groups


class Coverage(NamedTuple):
    rate: float
    n_with_interval: int


def draw_share(generator: np.random.Generator, rate: float, n_groups: int) -> Drawn:
    """Clusters of 1 to 5 items that share a rate drawn around `rate` (intraclass correlation 0.2)."""
    rates = generator.beta(rate * 4, (1 - rate) * 4, size=n_groups)
    groups = _uneven_groups(generator, n_groups)
    return Drawn(mean_statistic(generator.random(groups.n_items) < rates[groups.index], groups), groups)


def draw_auroc(generator: np.random.Generator, area: float, n_groups: int) -> Drawn:
    """One pair per group in four strata; margins of twins correlate at 0.9, as those of minimal edits do."""
    shift = np.sqrt(2) * norm.ppf(area)
    groups = Groups(np.repeat(np.arange(n_groups), 2), n_groups)
    is_positive = np.tile([True, False], n_groups)
    shared = np.sqrt(0.9) * generator.normal(size=n_groups)[groups.index]
    scores = shared + np.sqrt(0.1) * generator.normal(size=2 * n_groups) + shift * is_positive
    strata = (groups.index % 4).tolist()
    return Drawn(auroc_statistic(scores, is_positive, groups, strata), groups)


def draw_pair_rank(generator: np.random.Generator, rank: float, n_groups: int) -> Drawn:
    """Clusters of 1 to 5 pairs with a shared effect; the vulnerable twin scores higher with probability `rank`."""
    groups = _uneven_groups(generator, n_groups)
    noise = np.sqrt(0.3) * generator.normal(size=n_groups)[groups.index]
    difference = norm.ppf(rank) + noise + np.sqrt(0.7) * generator.normal(size=groups.n_items)
    return Drawn(mean_statistic(pair_ranks(difference, np.zeros(groups.n_items)), groups), groups)


FIGURES: dict[str, tuple[Callable[[np.random.Generator, float, int], Drawn], tuple[float, ...], bool]] = {
    "share": (draw_share, (0.3, 0.9), True),
    "AUROC": (draw_auroc, (0.5, 0.6, 0.9), False),
    "pair-rank": (draw_pair_rank, (0.5, 0.7), True),
}


def measure_coverage(figure: str, truth: float, n_groups: int, n_simulations: int = N_SIMULATIONS) -> Coverage:
    draw, _, is_proportion = FIGURES[figure]
    covered = n_with_interval = 0
    for seed in range(n_simulations):
        drawn = draw(np.random.default_rng([n_groups, seed]), truth, n_groups)
        settings = Bootstrap(n_draws=2000, seed=seed)
        result = estimate(drawn.statistic, n_groups, drawn.groups.n_items, settings, is_proportion=is_proportion)
        if isinstance(result.low, float) and isinstance(result.high, float):
            n_with_interval += 1
            covered += result.low <= truth <= result.high
    return Coverage(covered / max(n_with_interval, 1), n_with_interval)


@pytest.mark.slow
@pytest.mark.parametrize(("figure", "truth"), [(name, truth) for name in FIGURES for truth in FIGURES[name][1]])
@pytest.mark.parametrize("n_groups", [100, 200])
def test_intervals_cover_95_percent(figure: str, truth: float, n_groups: int) -> None:
    coverage = measure_coverage(figure, truth, n_groups)
    assert coverage.n_with_interval == N_SIMULATIONS
    assert coverage.rate == pytest.approx(0.95, abs=0.015)


def _swap_p(generator: np.random.Generator, n_groups: int) -> Number:
    groups = _uneven_groups(generator, n_groups)
    effect = generator.normal(size=n_groups)[groups.index]
    return swap_test(np.sign(effect + generator.normal(size=groups.n_items)).astype(int), groups)


def _sign_flip_p(generator: np.random.Generator, n_groups: int) -> Number:
    groups = _uneven_groups(generator, n_groups)
    effect = generator.normal(size=n_groups)[groups.index]
    change: Floats = effect + generator.standard_t(3, size=groups.n_items)
    return sign_flip_test(change, groups, n_draws=999, seed=int(generator.integers(2**31)))


TESTS: dict[str, Callable[[np.random.Generator, int], Number]] = {"swap": _swap_p, "sign flip": _sign_flip_p}


def measure_size(test: str, n_groups: int, n_simulations: int = N_SIMULATIONS) -> float:
    """Share of null draws that the test rejects at 5 %."""
    draws = (TESTS[test](np.random.default_rng([seed, n_groups]), n_groups) for seed in range(n_simulations))
    return float(np.mean([float(p) <= 0.05 for p in draws]))


@pytest.mark.slow
@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("n_groups", [8, 24, 48, 100])
def test_tests_keep_their_size(test: str, n_groups: int) -> None:
    assert measure_size(test, n_groups) <= 0.065


def _uneven_groups(generator: np.random.Generator, n_groups: int) -> Groups:
    return Groups(np.repeat(np.arange(n_groups), generator.integers(1, 6, size=n_groups)), n_groups)


def print_tables(group_counts: tuple[int, ...] = (8, 24, 48, 100, 200)) -> None:
    """Measured coverage and size as Markdown tables; an em dash where no interval is given."""
    heads = " | ".join(f"{n} groups" for n in group_counts)
    print(f"| test | {heads} |\n|---|{'---|' * len(group_counts)}")  # noqa: T201
    for test in TESTS:
        sizes = " | ".join(f"{100 * measure_size(test, n):.1f} %" for n in group_counts)
        print(f"| {test} | {sizes} |")  # noqa: T201
    print(f"\n| figure | truth | {heads} |\n|---|---|{'---|' * len(group_counts)}")  # noqa: T201
    for figure, (_, truths, _) in FIGURES.items():
        for truth in truths:
            cells = [measure_coverage(figure, truth, n) for n in group_counts]
            shown = " | ".join(f"{100 * cell.rate:.1f} %" if cell.n_with_interval else "—" for cell in cells)
            print(f"| {figure} | {truth:g} | {shown} |")  # noqa: T201


if __name__ == "__main__":
    print_tables()
