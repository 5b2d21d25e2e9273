"""Format, lint and types are part of the suite, so that CI runs what `make check` runs."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", [("ruff", "format", "--check", "."), ("ruff", "check", ".")])
def test_sources_are_formatted_and_lint_free(command: tuple[str, ...]) -> None:
    done = _run(*command)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_types_are_strict() -> None:
    done = _run("mypy")
    assert done.returncode == 0, done.stdout + done.stderr


def test_public_names_are_a_known_list() -> None:
    import vulnscope

    assert sorted(vulnscope.__all__) == [
        "AgainstResult",
        "ApplyResult",
        "AuditResult",
        "PatchResult",
        "ProbeResult",
        "SteerResult",
        "StudyResult",
        "__version__",
        "apply",
        "audit",
        "capture",
        "capture_to",
        "combine_runs",
        "compare_runs",
        "edited",
        "estimate_audit",
        "inspect_machine",
        "inspect_model",
        "load_corpus",
        "open_subject",
        "patch",
        "probe",
        "resume_audit",
        "score",
        "steer",
        "study",
    ]
    for name in vulnscope.__all__:
        assert getattr(vulnscope, name) is not None


def test_a_verb_outlives_the_import_of_the_room_of_the_same_name() -> None:
    import vulnscope
    from vulnscope.audit.config import AuditConfig

    assert AuditConfig().protocol == "yes-no"
    assert vulnscope.audit is vulnscope.api.audit
    with pytest.raises(AttributeError, match="nothing_here"):
        vulnscope.nothing_here  # noqa: B018


def test_the_package_holds_no_pickle() -> None:
    pickles = {".pkl", ".pickle", ".pt", ".pth", ".bin", ".ckpt"}
    assert not [path for path in (ROOT / "src").rglob("*") if path.suffix in pickles]


def test_the_base_install_does_not_grow() -> None:
    """What only some need belongs into an extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["dependencies"] == [
        "httpx>=0.27",
        "huggingface_hub>=1.0",
        "jinja2>=3.1",
        "numpy>=2.0",
        "pydantic>=2.10",
        "pyyaml>=6.0",
        "rich>=13.7",
        "safetensors>=0.5",
        "scikit-learn>=1.5",
        "scipy>=1.14",
        "threadpoolctl>=3.5",
        "tokenizers>=0.21",
        "torch>=2.6",
        "transformers>=5.0",
        "tree-sitter>=0.24",
        "tree-sitter-c>=0.23",
        "tree-sitter-cpp>=0.23",
        "tree-sitter-python>=0.23",
        "typer>=0.15",
    ]


def test_each_of_several_workers_computes_with_one_thread() -> None:
    import torch

    assert "PYTEST_XDIST_WORKER" not in os.environ or torch.get_num_threads() == 1
