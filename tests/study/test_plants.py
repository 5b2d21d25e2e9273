"""What is planted in drawn margins and activations is found; where nothing is, seldom anything is claimed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.plants import (
    LIMIT,
    N_PAIRS,
    N_PAIRS_OF,
    NULLS,
    PLANTED,
    SEEDS,
    WORLDS,
    count_false_claims,
    diagnose_world,
)

RECORD: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "benchmarks" / "results" / "plants.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("truth", [truth for truth in PLANTED if truth != "blind"])
def test_what_is_planted_is_found(truth: str) -> None:
    n_pairs = N_PAIRS_OF.get(truth, N_PAIRS)
    found = diagnose_world(WORLDS[truth], n_pairs, np.random.default_rng([7, *truth.encode()]))
    assert found.verdict.diagnosis == PLANTED[truth], found.verdict.reasons
    named = {each.value for each in found.evidence.apart if each.figure == "says"}
    assert ("CWE-787" in named) == (truth == "one-cwe")


@pytest.mark.parametrize("world", NULLS)
def test_little_is_claimed_where_nothing_is(world: str) -> None:
    assert sum(count_false_claims(world, 8, n_pairs=60, seed=1).values()) <= 2


def test_every_recorded_truth_and_seed_is_diagnosed_as_planted() -> None:
    assert {(cell["truth"], cell["seed"]) for cell in RECORD["cells"]} == {(t, s) for t in PLANTED for s in SEEDS}
    wrong = [cell for cell in RECORD["cells"] if cell["diagnosis"] != PLANTED[cell["truth"]]]
    assert not wrong
    assert all("CWE-787" in cell["slices"] for cell in RECORD["cells"] if cell["truth"] == "one-cwe")


def test_few_recorded_null_studies_claim_something_false() -> None:
    assert {each["world"] for each in RECORD["nulls"]} == set(NULLS)
    n_draws = sum(each["n_draws"] for each in RECORD["nulls"])
    assert sum(sum(each["claims"].values()) for each in RECORD["nulls"]) <= LIMIT * n_draws
