"""The two rules that never go away: folders import only downward, and the light entry points stay light."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HELP = """
import sys
from vulnscope.cli import main
sys.argv = ["vulnscope", "--help"]
try:
    main()
except SystemExit:
    pass
"""


def test_folders_import_only_downward() -> None:
    """In a process of its own: import-linter silences the loggers of the one it runs in."""
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    options = ["--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    done = subprocess.run([sys.executable, "-c", program, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "program",
    [
        "import vulnscope",
        "import vulnscope; vulnscope.__version__; dir(vulnscope)",
        HELP,
        "from vulnscope.registry import list_names; list_names('corpus')",
    ],
)
def test_light_entry_points_load_no_model_library(program: str) -> None:
    report = f"{program}\nimport json, sys; print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    modules = set(json.loads(done.stderr.splitlines()[-1]))
    assert not modules & {"torch", "transformers", "sklearn", "scipy", "pandas"}
