"""Exact on every CPU: tests of exactness, once more with the vector instructions of older machines."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

MODELS = Path(__file__).parent / "models"
FILES = ("test_activations.py", "test_conformance.py", "test_resume.py")
# A dense subject, and those whose sums are the longest: a lightning attention, a chunked recurrence and a scan.
CHOSEN = "test_activations and rows_come or (plain_forward or resumed) and (qwen2 or minimax or qwen3_next or mamba)"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kernels", "onednn", "mkl"), [("avx2", "AVX2", "AVX2"), ("default", "SSE41", "SSE4_2")], ids=["avx2", "none"]
)
def test_exactness_holds_under_older_instructions(kernels: str, onednn: str, mkl: str, tmp_path: Path) -> None:
    """The settings are read once, when torch is imported."""
    environment = {
        **os.environ,
        "ATEN_CPU_CAPABILITY": kernels,
        "ONEDNN_MAX_CPU_ISA": onednn,
        "MKL_ENABLE_INSTRUCTIONS": mkl,
    }
    (activations, conformance, resume) = (str(path) for name in FILES for path in MODELS.rglob(name))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--basetemp",
        str(tmp_path / "scratch"),
        "-k",
        CHOSEN,
    ]
    done = subprocess.run(
        [*command, activations, conformance, resume], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
