"""Programs that tests need: skipped without them, failed where they are required; and the sandbox really runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.programs import PROGRAMS, lack, need

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_missing_program_skips_or_fails_where_required(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("VULNSCOPE_REQUIRE", raising=False)
    with pytest.raises(pytest.skip.Exception, match=f"no {name} on this machine; apt-get install"):
        need(name)
    monkeypatch.setenv("VULNSCOPE_REQUIRE", "gcc,chromium,bwrap")
    with pytest.raises(pytest.fail.Exception, match=r"required by VULNSCOPE_REQUIRE"):
        need(name)
    monkeypatch.setenv("VULNSCOPE_REQUIRE", "gcc,tea")
    with pytest.raises(pytest.fail.Exception, match="names tea; known: bwrap, chromium, gcc"):
        need(name)


def test_a_program_that_is_there_is_found_under_any_of_its_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = tmp_path / "google-chrome"
    browser.write_text("#!/bin/sh\n")
    browser.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert need("chromium") == str(browser)


def test_the_mark_looks_before_the_test_begins(tmp_path: Path) -> None:
    marked = "tests/test_programs.py::test_a_program_runs_alone_in_its_sandbox"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", marked]
    environment = {**os.environ, "PATH": str(tmp_path), "VULNSCOPE_REQUIRE": ""}
    skipped = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "1 skipped" in skipped.stdout
    environment["VULNSCOPE_REQUIRE"] = "bwrap"
    failed = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "required by VULNSCOPE_REQUIRE" in failed.stdout
    assert failed.returncode == 1


def test_ci_requires_every_program() -> None:
    required = (ROOT / ".ci" / "run").read_text(encoding="utf-8").partition("VULNSCOPE_REQUIRE=")[2].split()[0]
    assert sorted(required.split(",")) == sorted(PROGRAMS)


@pytest.mark.needs("bwrap")
def test_a_program_runs_alone_in_its_sandbox() -> None:
    closed = ["bwrap", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--unshare-all", "--die-with-parent"]
    shell = "touch /bwrap-was-here 2>/dev/null && echo wrote; ls /proc | grep -c '^[0-9]'; cat /proc/net/dev | wc -l"
    done = subprocess.run([*closed, "sh", "-c", shell], capture_output=True, text=True, check=False)
    if done.returncode:
        lack("bwrap", f"bwrap cannot make a sandbox here: {done.stderr.strip()}")
    n_processes, n_lines = map(int, done.stdout.split())
    assert n_processes < 6
    assert n_lines == 3, "two lines of heading, one of the loopback"
