from __future__ import annotations

import json
import webbrowser
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Done
from tests.report.records import make_record
from typer.testing import CliRunner

from vulnscope.cli.run import app
from vulnscope.errors import CorruptData, InputError, RunError
from vulnscope.records.base import Record
from vulnscope.store import Run, open_run


class EmptyConfig(Record):
    pass


def start(root: Path, token: str) -> Run:
    return open_run(
        root,
        "audit",
        EmptyConfig(),
        subject_digest="s",
        corpus_digest="c",
        seed=0,
        device="cpu",
        command="vulnscope audit organism",
        versions={"python": "3.11.7"},
        code="d",
        clock=lambda: datetime(2031, 5, 4, 3, 2, 1, tzinfo=UTC),
        token=lambda: token,
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """One finished run (aaaa) and one that was stopped (bbbb)."""
    root = tmp_path / "runs"
    with start(root, "aaaa") as run:
        run.append([{"sample": "x"}])
        run.write_result(make_record(8))
    with pytest.raises(KeyboardInterrupt), start(root, "bbbb"):
        raise KeyboardInterrupt
    return root


def invoke(*arguments: Any) -> str:
    result = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False, env={"COLUMNS": "160"})
    assert result.exit_code == 0
    return result.stdout


def test_list(root: Path) -> None:
    shown = invoke("list", "--runs-dir", root)
    assert [line.split()[0] for line in shown.splitlines() if line.startswith("2031")] == [
        "20310504-030201-audit-aaaa",
        "20310504-030201-audit-bbbb",
    ]
    assert shown.count("audit organism") == 2
    assert "stopped" in shown
    runs = json.loads(invoke("list", "--runs-dir", root, "--json"))["runs"]
    assert [(run["status"], run["n_rows"]) for run in runs] == [("finished", 1), ("interrupted", 0)]


def test_list_of_nothing_says_how_to_begin(tmp_path: Path) -> None:
    assert json.loads(invoke("list", "--runs-dir", tmp_path, "--json")) == {"runs": []}
    assert invoke("list", "--runs-dir", tmp_path) == ""


def test_show_a_finished_run(root: Path) -> None:
    shown = invoke("show", "aaaa", "--runs-dir", root)
    assert "vulnscope audit organism" in shown
    assert "CWE-89 SQL Injection" in shown
    detail = json.loads(invoke("show", "aaaa", "--runs-dir", root, "--json"))
    assert detail["result"]["sentence"] == make_record(8).sentence
    assert detail["manifest"]["digests"]["subject"] == "s"


def test_show_an_interrupted_run_says_how_to_continue(root: Path) -> None:
    assert "--resume" in invoke("show", "bbbb", "--runs-dir", root)
    assert json.loads(invoke("show", "bbbb", "--runs-dir", root, "--json"))["result"] is None


def test_report_is_written_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) or True)
    path = Path(invoke("report", "aaaa", "--runs-dir", root, "--open").strip())
    assert path == root / "20310504-030201-audit-aaaa" / "report.html"
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert opened == [path.as_uri()]
    assert json.loads(invoke("report", path.parent, "--json"))["report"] == str(path)


def test_no_report_without_a_result(root: Path) -> None:
    with pytest.raises(RunError, match="has no result; continue it with"):
        invoke("report", "bbbb", "--runs-dir", root)


def test_wrong_names_and_damage_are_told(root: Path) -> None:
    with pytest.raises(InputError, match="no run 'cccc'"):
        invoke("show", "cccc", "--runs-dir", root)
    (root / "20310504-030201-audit-aaaa" / "result.json").write_text("{}")
    with pytest.raises(CorruptData, match=r"result\.json"):
        invoke("show", "aaaa", "--runs-dir", root)


def test_a_run_of_a_kind_that_is_not_installed_is_listed(run_command: Callable[..., Done], tmp_path: Path) -> None:
    with open_run(
        tmp_path / "runs",
        "dream",
        EmptyConfig(),
        subject_digest="s",
        corpus_digest="c",
        seed=0,
        device="cpu",
    ) as run:
        run.append([{"sheep": 1}])
    said = "its kind 'dream' is not installed; install the package that brings it to see or continue this run"
    listed, shown = run_command("run", "list"), run_command("run", "show", run.id)
    assert said in " ".join(listed.out.split())
    assert (shown.status, said in shown.err, "dream" in shown.out) == (0, True, True)
    reported = run_command("run", "report", run.id)
    assert (reported.status, "runs of kind 'dream' cannot be shown" in reported.err) == (2, True)
