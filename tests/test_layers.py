"""The two rules that never go away: folders import only downward, and the light entry points stay light."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
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


def test_no_file_imports_itself_by_way_of_others() -> None:
    """Type-checking and function-level imports count: whoever reads a file must be able to read its ground first."""
    graph = grimp.build_graph("vulnscope", cache_dir=None)
    below = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert list(TopologicalSorter(below).static_order())


def test_every_folder_says_what_it_is_for() -> None:
    folders = {path.parent for path in (ROOT / "src" / "vulnscope").rglob("*.py")}
    for folder in folders:
        said = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
        assert len(said.splitlines()[0].split()) > 3, folder


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
