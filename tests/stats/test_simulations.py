"""Bias, coverage and size on simulated data, and their table in the docs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from benchmarks.simulations import (
    FIGURES,
    GROUP_COUNTS,
    LIMIT,
    N_SIMULATIONS,
    TESTS,
    measure_figure,
    measure_size,
    true_average_precision,
)

from vulnscope.stats import COVERAGE_OF_FEW

ROOT = Path(__file__).parents[2]
RECORD = json.loads((ROOT / "benchmarks" / "results" / "simulations.json").read_text(encoding="utf-8"))
AUROCS = [name for name in FIGURES if name.startswith("AUROC")]


@pytest.mark.parametrize("name", AUROCS)
def test_an_auroc_has_no_bias_and_its_interval_covers(name: str) -> None:
    cell = measure_figure(name, 100, 60)
    assert abs(cell.bias) <= 0.01
    assert cell.n_with_interval == 60
    # 60 draws at 95 %: 52 or fewer in one of 2,000.
    assert cell.coverage >= 53 / 60


def test_unequal_groups_carry_intervals_by_what_they_count_for() -> None:
    cell = measure_figure("mean margin, groups very unequal", 48, 40)
    assert cell.n_effective < 30
    assert cell.methods == ("bca", "jackknife")


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_intervals_cover_95_percent(name: str) -> None:
    cell = measure_figure(name, 120, 2000)
    assert cell.n_with_interval >= 1990
    assert cell.coverage == pytest.approx(0.95, abs=0.02 if "unequal" in name or "nearly equal" in name else 0.015)


@pytest.mark.slow
@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("n_groups", GROUP_COUNTS)
def test_tests_keep_their_size(test: str, n_groups: int) -> None:
    assert measure_size(test, n_groups, 2000) <= LIMIT


def test_the_true_average_precision_is_chance_without_skill() -> None:
    assert true_average_precision(0.5) == pytest.approx(0.5)
    assert 0.6 < true_average_precision(0.7) < 0.75


def test_the_record_holds_every_simulation_and_the_docs_their_table() -> None:
    assert (set(RECORD["sizes"]), set(RECORD["figures"])) == (set(TESTS), set(FIGURES))
    assert RECORD["n_simulations"] == N_SIMULATIONS
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    table = page[page.index("<!-- simulations:begin -->") : page.index("<!-- simulations:end -->")]
    named = re.findall(r"^\| ([^|]+?) \|", table, re.MULTILINE)
    assert set(named) >= {*TESTS, *FIGURES}
    assert "nan" not in table


def test_the_coverage_that_pages_print_is_that_of_few_groups_in_the_record() -> None:
    few = [
        cell["coverage"]
        for cells in RECORD["figures"].values()
        for n, cell in cells.items()
        if int(n) < 30
        and cell["n_with_interval"] >= RECORD["n_simulations"] / 10
        and set(cell["methods"]) & {"dyads", "jackknife"}
    ]
    assert pytest.approx(min(few), abs=0.015) == COVERAGE_OF_FEW


@pytest.mark.parametrize("name", AUROCS)
def test_the_recorded_aurocs_keep_the_stated_limits(name: str) -> None:
    cell = RECORD["figures"][name]["120"]
    assert abs(cell["bias"]) <= 0.01
    # 500 draws at 93.5 % or more: 90.5 % in one of 300.
    assert cell["coverage"] >= 0.905
