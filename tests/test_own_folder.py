"""The suite stands on its own: its tests neither see nor change the folder and the settings they are started in."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from vulnscope.corpora import default_data_dir
from vulnscope.store import cache_dir, runs_dir

ROOT = Path(__file__).parents[1]
CHOSEN = ("audit/test_checks.py", "cli/test_study.py", "store/test_environment.py", "test_own_folder.py")
"""Tests that would notice a run left behind or a setting of the user, and quick ones."""


@pytest.fixture(scope="session")
def folder_of_a_session_fixture() -> Path:
    return Path.cwd()


@pytest.fixture(scope="module")
def folder_of_a_module_fixture() -> Path:
    return Path.cwd()


def test_tests_and_fixtures_of_every_scope_stand_in_folders_of_their_own(
    folder_of_a_session_fixture: Path, folder_of_a_module_fixture: Path, tmp_path: Path
) -> None:
    folders = {folder_of_a_session_fixture, folder_of_a_module_fixture, Path.cwd()}
    assert len(folders) == 3
    assert Path.cwd() == tmp_path
    assert not any(folder.is_relative_to(ROOT) for folder in folders)
    assert not list(tmp_path.iterdir())


def test_no_setting_of_the_user_reaches_a_test(tmp_path: Path) -> None:
    assert cache_dir() == tmp_path / "cache"
    assert runs_dir() == Path("runs")
    assert default_data_dir("sven", os.environ) is None


def test_workers_fail_rather_than_skip_where_real_data_is_named_and_missing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "1", f"{ROOT}/tests/test_cwe.py"]
    environment = {**os.environ, "VULNSCOPE_DATA": str(tmp_path / "nowhere")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout
    assert "nowhere is not a folder" in done.stdout


def test_the_readme_says_study_then_test_and_the_makefile_does_so() -> None:
    block = (ROOT / "README.md").read_text(encoding="utf-8").split("```")[1]
    assert [line.split("#")[0].strip() for line in block.strip().splitlines()] == ["make study", "make test"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    first, second = (makefile.split(f"\n{name}:")[1].split("\n\n")[0] for name in ("study", "test"))
    assert "\n\t$(BIN)/vulnscope study organism:biased " in first
    assert "\n\t$(BIN)/python -m pytest " in second


@pytest.mark.slow
def test_a_study_then_the_tests_in_one_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """README's two commands in miniature: a small study, and the tests that would notice its run."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    for name in ("Makefile", "README.md", "pyproject.toml", "src", "tests"):
        (checkout / name).symlink_to(ROOT / name)
    monkeypatch.chdir(checkout)
    _run("tests.study.killing", "runs", str(tmp_path / "log"), "no stage", "nothing")
    before = _digests(checkout)
    assert any(path.endswith("result.json") for path in before)
    options = ("-q", "-m", "not slow", "-p", "no:cacheprovider", "--basetemp", str(tmp_path / "scratch"))
    _run("pytest", *options, *(f"tests/{file}" for file in CHOSEN))
    assert _digests(checkout) == before


def _run(*module: str) -> None:
    environment = {**os.environ, "VULNSCOPE_RUNS": "runs", "VULNSCOPE_DATA": "nowhere", "COLUMNS": "20"}
    command = [sys.executable, "-m", *module]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _digests(folder: Path) -> dict[str, str]:
    """What every file holds, links into the checkout not followed."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
