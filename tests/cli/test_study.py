from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.cli.conftest import Done
from tests.models.zoo import tiny_config

Command = Callable[..., Done]
PAIRS = ("--option", "n_pairs=40")


def test_a_dry_run_needs_a_config_and_writes_nothing(run_command: Command, tmp_path: Path) -> None:
    tiny_config("qwen2").save_pretrained(tmp_path / "bare")
    done = run_command("study", "bare", *PAIRS, "--dry-run")
    assert done.status == 0, done.err
    for item in ("weights", "KV cache", "activations of a forward", "audit", "probe", "steer", "not a measurement"):
        assert item in done.out, item
    assert not Path("runs").exists()
    done = run_command("study", "bare", *PAIRS, "--dry-run", "--json")
    found = json.loads(done.out)
    assert found["n_pairs"] == 40
    assert found["memory"]["weights_bytes"] > 0


def test_a_dry_run_refuses_what_it_cannot_estimate(run_command: Command, tmp_path: Path) -> None:
    tiny_config("qwen2").save_pretrained(tmp_path / "bare")
    done = run_command("study", "bare", *PAIRS, "--dry-run", "--adapter", "some/adapter")
    assert done.status == 2
    assert "leave out --adapter" in done.err


def test_a_budget_cuts_the_dry_run_and_one_too_small_ends_it(run_command: Command, tmp_path: Path) -> None:
    tiny_config("qwen2").save_pretrained(tmp_path / "bare")
    asked = ("study", "bare", *PAIRS, "--dry-run", "--json", "--budget")
    whole = json.loads(run_command(*asked, "60").out)
    assert whole["n_pairs"] == 40
    cut = json.loads(run_command(*asked, str(0.75 * whole["seconds"] / 60)).out)
    assert cut["n_pairs"] < 40
    assert cut["seconds"] <= 0.75 * whole["seconds"]
    done = run_command(*asked, "0.01")
    assert done.status == 2
    assert "raise --budget" in done.err
