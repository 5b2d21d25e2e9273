"""The recorded simulations: all of them, within the stated limits, and in the docs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from benchmarks.simulations import FIGURES, N_SIMULATIONS, TESTS

from vulnscope.stats import COVERAGE_OF_FEW

ROOT = Path(__file__).parents[2]
RECORD = json.loads((ROOT / "benchmarks" / "results" / "simulations.json").read_text(encoding="utf-8"))
AUROCS = [name for name in FIGURES if name.startswith("AUROC")]


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
