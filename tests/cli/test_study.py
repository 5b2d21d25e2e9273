from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
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


def test_two_models_are_estimated_one_after_the_other(run_command: Command, tmp_path: Path) -> None:
    tiny_config("qwen2").save_pretrained(tmp_path / "one")
    tiny_config("starcoder2").save_pretrained(tmp_path / "other")
    asked = ("study", "one", "--against", "other", *PAIRS, "--dry-run")
    done = run_command(*asked)
    assert done.status == 0, done.err
    assert "one: qwen2" in done.out
    assert "other: starcoder2" in done.out
    assert "both, one after the other" in done.out
    whole = json.loads(run_command(*asked, "--json").out)
    assert whole["seconds"] == whole["first"]["seconds"] + whole["second"]["seconds"]
    assert whole["memory_bytes"] == max(whole[side]["memory_bytes"] for side in ("first", "second"))
    budget = 0.75 * whole["seconds"] / 60
    cut = json.loads(run_command(*asked, "--json", "--budget", str(budget)).out)
    assert cut["first"]["n_samples"] == cut["second"]["n_samples"] < whole["first"]["n_samples"]
    assert cut["seconds"] <= 60 * budget
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("organism", "--against", "organism"), "'organism' is the same model opened the same way"),
        (
            ("organism", "--against", "organism", "--device", "cpu", "--against-dtype", "float32"),
            "'organism' is the same model (digest ",
        ),
        (("organism", "--against", "./copy"), "'organism' and './copy' are the same model (digest "),
        (("organism", "--against", "./nowhere"), "model folder './nowhere' does not exist"),
        (("organism", "--against", "organism:nothing"), "organism has no variant 'nothing'"),
        (("organism", "--against", "organism:mute", "--against-quantize", "nf4"), "open it without --quantize"),
        (("organism", "--against-dtype", "float32"), "--against-dtype means nothing without --against"),
        (("--against", "organism"), "name a MODEL"),
        (("organism", "--against", "organism:mute", "--preset", "starcoder-steering-2025"), "takes no --against"),
        (("organism", "--against", "organism:mute", "--dry-run", "--against-adapter", "x/y"), "leave out --adapter"),
    ],
)
def test_what_cannot_be_compared_is_said_before_any_work(
    run_command: Command, asked: tuple[str, ...], said: str
) -> None:
    if "./copy" in asked:
        from vulnscope.models.subject.files import locate_model

        shutil.copytree(locate_model("organism")[0].path, "copy")
    done = run_command("study", *asked, *PAIRS)
    assert done.status == 2
    assert said in done.err
    assert not Path("runs").exists()
