"""Coverage of intervals and size of tests on simulated data, and their table in the docs."""

from __future__ import annotations

import re

import pytest
from tests.stats.simulations import (
    BEGIN,
    END,
    FIGURES,
    GROUP_COUNTS,
    N_SIMULATIONS,
    PAGE,
    TESTS,
    measure_coverage,
    measure_size,
    true_average_precision,
)

SLOW = ("AUROC", "recall at 5 % false positives")
"""Minutes at 200 groups; the table in the docs has that."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("figure", "setting", "n_groups"),
    [
        (name, setting, n_groups)
        for name, figure in FIGURES.items()
        for setting in figure.settings
        for n_groups in ((100,) if name in SLOW else (100, 200))
    ],
)
def test_intervals_cover_95_percent(figure: str, setting: float, n_groups: int) -> None:
    coverage = measure_coverage(figure, setting, n_groups)
    assert coverage.n_with_interval == N_SIMULATIONS
    assert coverage.rate == pytest.approx(0.95, abs=0.015)


@pytest.mark.slow
@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("n_groups", [8, 24, 48, 100])
def test_tests_keep_their_size(test: str, n_groups: int) -> None:
    assert measure_size(test, n_groups) <= 0.065


def test_the_true_average_precision_is_chance_without_skill() -> None:
    assert true_average_precision(0.5) == pytest.approx(0.5)
    assert 0.6 < true_average_precision(0.7) < 0.75


def test_the_docs_hold_every_simulation() -> None:
    page = PAGE.read_text(encoding="utf-8")
    table = page[page.index(BEGIN) : page.index(END)]
    heads = " | ".join(f"{n} groups" for n in GROUP_COUNTS)
    assert table.count(heads) == 2
    rows = re.findall(r"^\| ([^|]+?) \|(.*)\|$", table, re.MULTILINE)
    named = [name for name, _ in rows]
    for test in TESTS:
        assert test in named
    for name, figure in FIGURES.items():
        assert named.count(name) - (name in TESTS) == len(figure.settings)
    for _, cells in rows:
        assert "nan" not in cells
