"""Two studies killed in the first, between both, in the second and while compared end as ones that were not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.study.killing import Listener, kill
from tests.study.killing_two import carry_out_two

MOMENTS: tuple[tuple[str, str, set[str]], ...] = (
    ("A, probe", "fitting", {"A, opening", "A, audit", "A, probe"}),
    ("B, opening", "weights", {"A, opening", "A, probe", "A, patch", "A, steer", "B, opening"}),
    ("B, steer", "choose", {"B, opening", "B, audit", "B, probe", "B, patch", "B, steer"}),
    ("comparison", "answers", {"B, opening", "B, steer", "comparison"}),
    ("comparison", "interventions", {"comparison"}),
)
"""Where it is killed, what is being done there, and all that may be worked on since the kill before."""
_RUN = re.compile(r"\d{8}-\d{6}-([a-z]+)-[0-9a-f]+")


def find(root: Path, name: str) -> dict[str, Path]:
    """The files called `name`, by their folders with the time left out of every run's name."""
    return {_RUN.sub(r"\1", str(path.parent.relative_to(root))): path for path in root.rglob(name)}


def read(root: Path, name: str) -> dict[str, str]:
    """What these files hold, with the time left out of every run's name."""
    return {place: _RUN.sub(r"\1", path.read_text(encoding="utf-8")) for place, path in find(root, name).items()}


@pytest.mark.slow
def test_two_studies_killed_at_every_turn_end_with_the_same_figures(tmp_path: Path) -> None:
    whole, broken, log = tmp_path / "whole", tmp_path / "broken", tmp_path / "steps"
    whole.mkdir()
    broken.mkdir()
    carry_out_two(whole, Listener(tmp_path / "steps-whole"))
    expected = read(whole, "rows.jsonl")
    finished: dict[str, int] = {}
    for stage, what, allowed in MOMENTS:
        log.unlink(missing_ok=True)
        kill("tests.study.killing_two", broken, log, stage, what)
        worked_on = {line.split("\t")[0] for line in log.read_text(encoding="utf-8").splitlines()}
        assert worked_on == allowed, stage
        for place, rows in read(broken, "rows.jsonl").items():
            assert expected[place].startswith(rows), place
        times = {place: path.stat().st_mtime_ns for place, path in find(broken, "result.json").items()}
        assert finished.items() <= times.items(), "a finished result was written again"
        finished = times
    assert set(find(whole, "result.json")) - set(finished) == {"against"}
    log.unlink()
    carry_out_two(broken, Listener(log))
    assert {line.split("\t")[0] for line in log.read_text(encoding="utf-8").splitlines()} == {"comparison"}
    for name in ("rows.jsonl", "result.json", "report.html"):
        assert read(broken, name) == read(whole, name), name
