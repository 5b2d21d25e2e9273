"""A study killed in the middle of every stage, one after the other, ends with the figures of one that was not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.study.killing import MOMENTS, Listener, carry_out, kill

FOLDERS = {"changes": "changes-rename"}


def files(root: Path, name: str) -> dict[str, Path]:
    """The files called `name` of the stages begun so far, by stage."""
    return {path.parents[1].name: path for path in root.glob(f"*/stages/*/*/{name}")}


def drop_names(value: Any) -> Any:
    """A result without the names of its runs, which hold the time they began."""
    if isinstance(value, dict):
        return {key: drop_names(inner) for key, inner in value.items() if key != "run"}
    return [drop_names(inner) for inner in value] if isinstance(value, list) else value


def read_result(root: Path) -> Any:
    (path,) = root.glob("*/result.json")
    return drop_names(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.slow
def test_a_study_killed_in_every_stage_ends_with_the_same_figures(tmp_path: Path) -> None:
    whole, broken, log = tmp_path / "whole", tmp_path / "broken", tmp_path / "steps"
    whole.mkdir()
    broken.mkdir()
    carry_out(whole, Listener(tmp_path / "steps-whole"))
    expected = {stage: path.read_bytes() for stage, path in files(whole, "rows.jsonl").items()}
    begun: list[str] = []
    finished: dict[str, int] = {}
    for stage in MOMENTS:
        log.unlink(missing_ok=True)
        kill("tests.study.killing", broken, log, stage, MOMENTS[stage])
        worked_on = {line.split("\t")[0].partition("-")[0] for line in log.read_text(encoding="utf-8").splitlines()}
        assert worked_on == {*begun[-1:], stage}, "a finished stage was worked on again"
        begun.append(stage)
        rows = files(broken, "rows.jsonl")
        for name, path in rows.items():
            assert expected[name].startswith(path.read_bytes()), name
        own = FOLDERS.get(stage, stage)
        assert rows[own].stat().st_size > 0, stage
        assert own not in files(broken, "result.json"), f"{stage} was killed too late"
        times = {name: path.stat().st_mtime_ns for name, path in files(broken, "result.json").items()}
        assert finished.items() <= times.items(), "a finished result was written again"
        finished = times
    assert len(finished) == len(MOMENTS) - 1
    carry_out(broken, Listener(log))
    assert {stage: path.read_bytes() for stage, path in files(broken, "rows.jsonl").items()} == expected
    assert read_result(broken) == read_result(whole)
