from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.conftest import Done

Command = Callable[..., Done]

QUICK = ("--layer", "1", "--folds", "2", "--inner", "2", "--permutations", "19", "--no-reinitialise")


@pytest.fixture
def many_twins(tmp_path: Path) -> Path:
    """Twins whose names share nothing, so that no pair is a near-duplicate of another."""
    folder = tmp_path / "many"
    generator = random.Random(0)
    for number in range(20):
        pair = folder / f"query-{number}"
        pair.mkdir(parents=True)
        names = ["".join(generator.choices("abcdefghij", k=5)) for _ in range(6)]
        body = (
            f"def {names[0]}({names[1]}, {names[2]}):\n    {names[3]} = {names[4]}({names[2]})\n    return {names[1]}."
        )
        (pair / "vulnerable.py").write_text(f"{body}{names[5]}('q ' + {names[3]})\n")
        (pair / "fixed.py").write_text(f"{body}{names[5]}('q ?', ({names[3]},))\n")
    return folder


def test_probe_prints_writes_and_shows(run_command: Command, tiny_model: Path, many_twins: Path) -> None:
    asked = ("probe", tiny_model, "--corpus", "folder", "--data-dir", many_twins, *QUICK)
    done = run_command(*asked)
    assert done.status == 0, done.err
    assert "read-out" in done.out
    assert "embedding" in done.out
    (run,) = Path("runs").iterdir()
    page = (run / "report.html").read_text()
    assert "<script" not in page
    assert "default-src &#39;none&#39;" in page
    assert run_command("run", "show", run.name).status == 0
    assert run_command("run", "report", run.name).status == 0
    assert (run / "report.html").read_text() == page
    again = run_command("probe", "--resume", run.name, "--json")
    assert again.status == 0, again.err
    assert json.loads(again.out)["run"] == run.name


def test_patch_prints_and_writes(run_command: Command, tiny_model: Path, many_twins: Path) -> None:
    done = run_command(
        "patch", tiny_model, "--corpus", "folder", "--data-dir", many_twins, "--max-pairs", "3", "--layer", "1"
    )
    assert done.status == 0, done.err
    assert "towards the donor's label" in done.out
    (run,) = Path("runs").iterdir()
    assert "Layer by region" in (run / "report.html").read_text()
    other = run_command("patch", tiny_model, "--resume", run.name, "--max-pairs", "5")
    assert other.status == 2
    assert "max_pairs: 3 in the run, 5 now" in other.err


def test_too_few_groups_end_before_a_run_is_made(run_command: Command, tiny_model: Path, twins: Path) -> None:
    done = run_command("probe", tiny_model, "--corpus", "folder", "--data-dir", twins)
    assert done.status == 2
    assert "need at least 10 groups; there are 1" in done.err
    assert not Path("runs").exists()


def test_steering_from_fit_to_apply(run_command: Command, tiny_model: Path, many_twins: Path) -> None:
    where = (tiny_model, "--corpus", "folder", "--data-dir", many_twins)
    method = ("--method", "mean-difference-paired", "--layers", "1")
    done = run_command("steer", "fit", *where, *method, "--out", "v.safetensors")
    assert done.status == 0, done.err
    assert done.out.index("mean cosine") < done.out.index("mean-difference-paired")
    shown = run_command("steer", "show", "v.safetensors")
    assert "mean-difference-paired @ 1.resid_post (last)" in shown.out.replace("\n", " ")
    sweep = ("--scale", "-1", "--scale", "1", "--no-side-effects", "--preface", "", "--vectors", "v.safetensors")
    done = run_command("steer", "sweep", *where, *method, *sweep)
    assert done.status == 0, done.err
    assert "mean cosine" in done.err
    assert "threshold only" in done.out
    assert re.search(r"^un-steered +\d+ % +(\d+ %|n/a) *$", done.out, re.M)
    (run,) = Path("runs").iterdir()
    assert "Interventions" in (run / "report.html").read_text()
    stored = run / "interventions" / "mean-difference-paired"
    few = ("--controls", "1", "--no-side-effects", "--runs-dir", "applied")
    done = run_command("steer", "apply", stored, *where, *few, "--json")
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert found["outcomes"][0]["name"] == "mean-difference-paired"
    assert found["found_in"]["is_same_corpus"]
    (applied,) = Path("applied").iterdir()
    assert "Answers that changed" in (applied / "report.html").read_text()
    again = run_command("run", "show", applied, "--json")
    assert json.loads(again.out)["result"] == found
    done = run_command(
        "steer", "apply", "v.safetensors", tiny_model, "--scale", "9", "--text", "def f(", "--tokens", "3"
    )
    assert done.status == 0, done.err
    assert "un-steered" in done.out
    assert "steered: mean-difference-paired @ 1.resid_post (last)" in done.out
    done = run_command("steer", "apply")
    assert done.status == 2
    assert "name an INTERVENTION" in done.err
