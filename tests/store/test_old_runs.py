"""Runs that version 0.1.0 wrote still open, whatever became of its code; these files are never written anew."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.baselines.page import read_page
from tests.cli.conftest import Done
from tests.cli.conftest import run_command as run_command

from vulnscope import store
from vulnscope.kinds.find import find_kind
from vulnscope.records.base import not_measured, sweep_dust

OLD = Path(__file__).parents[1] / "fixtures" / "runs_v0_1_0"
NAMES = sorted(path.name for path in (OLD / "runs").iterdir())
RENAMED = {"is_decodable": "decodable", "is_general": "general", "is_used": "used"}
_UNMEASURED = not_measured("an earlier version did not measure it").model_dump(mode="json")
ADDED: dict[str, Any] = {
    "coverage": None,
    "n_effective_groups": None,
    "largest_group_share": None,
    "unranked_share": None,
    "yes_rate_apart_p": {"reason": "not tested"},
    "auroc_apart_p": {"reason": "not tested"},
    "best_rule": None,
    "says_given_surface": _UNMEASURED,
    "pair_rank": _UNMEASURED,
    "apart": [],
    "leader": None,
    "n_impossible": 0,
    "bias_p_random": {"reason": "results of earlier versions lack it"},
    "bias_p_shuffled": {"reason": "results of earlier versions lack it"},
    "prompt_notes": [],
    "opened_thought": "close",
    "beyond_p_corrected": {"reason": "measured by an earlier version: patch again"},
}
MEASURED_OTHERWISE = (
    *("correction", "classification", "sentence", "yes_rate_apart_p", "auroc_apart_p"),
    *("n_effective_groups", "largest_group_share", "unranked_share"),
    *("auroc", "mean_margin_auroc", "d_a", "low", "high", "method", "coverage", "detectable", "detectable_auroc"),
    *("p_corrected", "pair_rank_p_corrected", "pair_correct_p_corrected"),
)
"""Corrections count the tests made; few alarms set cuts without an interval; slices are held against the rest; an AUROC
compares samples of different groups, and few groups carry intervals of other kinds."""
KINDS = "against apply audit combine compare import patch probe reproduction rescore steer study"


def with_present_names(value: Any) -> Any:
    """What an old result says, by today's names and without what rounding left of 0 and 1."""
    if isinstance(value, list):
        return [with_present_names(each) for each in value]
    if isinstance(value, float):
        return sweep_dust(value)
    if not isinstance(value, dict):
        return value
    return {RENAMED.get(name, name): with_present_names(each) for name, each in value.items()}


def without(value: Any, is_left_out: Callable[[str, Any], bool]) -> Any:
    """`value` without the fields that `is_left_out` by name and value, at any depth."""
    if isinstance(value, list):
        kept = [each for each in value if not (isinstance(each, dict) and is_left_out(each.get("measure", ""), each))]
        return [without(each, is_left_out) for each in kept]
    if not isinstance(value, dict):
        return value
    return {name: without(each, is_left_out) for name, each in value.items() if not is_left_out(name, each)}


def without_new(value: Any) -> Any:
    """`value` without fields that results have had since, where they hold what they hold in older ones."""
    unknown_odds = (None, [None, None])  # of one item, and of both twins
    return without(
        value,
        lambda name, each: (name in ADDED and each == ADDED[name]) or (name == "log_odds" and each in unknown_odds),
    )


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A copy to write pages and results into, beside the corpus that some were about."""
    return Path(shutil.copytree(OLD, tmp_path, dirs_exist_ok=True), "runs")


def test_there_is_a_run_of_every_kind() -> None:
    kinds = {store.load_run(name, OLD / "runs").manifest.kind for name in NAMES}
    assert sorted(kinds) == KINDS.split()


@pytest.mark.parametrize("name", NAMES)
def test_an_old_run_opens_shows_and_is_drawn_anew(runs: Path, run_command: Callable[..., Done], name: str) -> None:
    stored = store.load_run(name, runs)
    kind = find_kind(stored.manifest.kind)
    record = stored.result(kind.record_type)
    written = with_present_names(json.loads((runs / name / "result.json").read_text(encoding="utf-8")))
    assert without_new(record.model_dump(mode="json")) == written
    assert stored.status == "finished"
    rows = runs / name / "rows.jsonl"
    assert len(stored.rows()) == (rows.read_text(encoding="utf-8").count("\n") if rows.exists() else 0)
    shown = run_command("run", "show", runs / name)
    assert shown.status == 0, shown.err
    assert "".join(written["sentence"].split()) in "".join(shown.out.split())
    assert without_new(json.loads(run_command("run", "show", runs / name, "--json").out)["result"]) == written
    assert run_command("run", "report", runs / name).status == 0
    page = read_page((runs / name / "report.html").read_text(encoding="utf-8"))
    assert "".join(written["sentence"].split()) in "".join(page.split())


def test_the_rows_of_old_runs_are_measured_again(runs: Path, run_command: Callable[..., Done]) -> None:
    def repeat(what: str, *arguments: str | Path) -> None:
        done = run_command("run", what, *arguments, "--json")
        assert done.status == 0, done.err
        found, before = json.loads(done.out), json.loads((runs / what / "result.json").read_text(encoding="utf-8"))
        for fleeting in ("run", "code_digest", "command", "versions"):
            del found[fleeting], before[fleeting]
        found = without_new(found)
        found, before = (without(each, lambda field, _: field in MEASURED_OTHERWISE) for each in (found, before))
        assert found == before

    audits = runs / "audit", runs / "audit-mute"
    repeat("compare", *audits)
    repeat("combine", *audits)
    repeat("rescore", runs / "audit-endpoint", "--parser", "keyword")


def test_the_interventions_of_an_old_run_open(run_command: Callable[..., Done]) -> None:
    stored = OLD / "runs" / "steer" / "interventions"
    shown = run_command("steer", "show", stored / "mean-difference-paired")
    assert shown.status == 0, shown.err
    assert "mean-difference-paired" in shown.out
