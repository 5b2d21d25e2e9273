"""A study of another package: found by an entry point, listed, run, killed, continued and shown like our own.

The package is the one of the how-to page: a module and a `.dist-info` folder on the path, installed by nobody.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "add-a-study.md"
COMMAND = "from vulnscope.cli import main; main()"
KILLED = """
import os, signal
from vulnscope.store import Run
append = Run.append
def die_at_the_third_batch(run, rows):
    if run.n_batches == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    append(run, rows)
Run.append = die_at_the_third_batch
"""
Vulnscope = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The package of the page, with two twins to count."""
    text = PAGE.read_text(encoding="utf-8")
    (module,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    ((name, home),) = re.findall(r'^([\w-]+) = "(\w+:\w+)"$', text, re.MULTILINE)
    package = tmp_path / "package"
    about = package / "long_lines-1.0.dist-info"
    about.mkdir(parents=True)
    (package / "long_lines.py").write_text(module, encoding="utf-8")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: long-lines\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text(f"[vulnscope.kind]\n{name} = {home}\n", encoding="utf-8")
    for number in range(2):
        pair = tmp_path / "twins" / f"query-{number}"
        pair.mkdir(parents=True)
        (pair / "vulnerable.py").write_text(f"def f{number}(db, x):\n    return db.execute('select ' + x)\n")
        (pair / "fixed.py").write_text(f"def f{number}(db, x):\n    return db.execute('select ?', (x,))\n")
    return package


@pytest.fixture
def vulnscope(package: Path) -> Vulnscope:
    def run(*arguments: str, program: str = "", is_installed: bool = True) -> subprocess.CompletedProcess[str]:
        paths = [*([str(package)] if is_installed else []), *filter(None, [os.environ.get("PYTHONPATH")])]
        return subprocess.run(
            [sys.executable, "-c", program + COMMAND, *arguments],
            cwd=package.parent,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "150"},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_it_is_listed_runs_is_killed_continued_and_shown(vulnscope: Vulnscope, package: Path) -> None:
    assert "Count the long lines of a corpus." in vulnscope("--help").stdout
    explained = vulnscope("long-lines", "--help").stdout
    assert "Lines with more characters than this are long." in explained
    assert "--data-dir" in explained
    asked = ("long-lines", "--corpus", "folder", "--data-dir", "twins", "--columns", "30")
    assert vulnscope(*asked, program=KILLED).returncode == -signal.SIGKILL
    (run,) = (package.parent / "runs").iterdir()
    assert len((run / "rows.jsonl").read_text().splitlines()) == 2
    done = vulnscope(*asked, "--resume", run.name, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "sentence": "4 long lines in 4 samples",
        "n_long": {"vulnerable": 2, "fixed": 2},
    }
    assert len((run / "rows.jsonl").read_text().splitlines()) == 4
    assert "4 long lines in 4 samples" in (run / "report.html").read_text()
    shown = vulnscope("run", "show", run.name)
    assert "4 long lines in 4 samples" in shown.stdout
    other = vulnscope(*asked[:-1], "20", "--resume", run.name)
    assert (other.returncode, "columns: 30 in the run, 20 now" in other.stderr) == (2, True)
    assert vulnscope("long-lines", "--columns", "0").returncode == 2


def test_its_runs_are_listed_as_such_where_it_is_not_installed(vulnscope: Vulnscope) -> None:
    assert vulnscope("long-lines", "--corpus", "folder", "--data-dir", "twins").returncode == 0
    listed = vulnscope("run", "list", is_installed=False)
    assert "its kind 'long-lines' is not installed" in " ".join(listed.stdout.split())
    assert vulnscope("long-lines", is_installed=False).returncode == 2


def test_a_kind_that_cannot_be_loaded_takes_nothing_else_with_it(vulnscope: Vulnscope, package: Path) -> None:
    (package / "long_lines.py").write_text("import no_such_module_anywhere\n", encoding="utf-8")
    done = vulnscope("run", "list")
    assert done.returncode == 0
    assert "the kind long-lines is installed but cannot be loaded" in done.stderr
