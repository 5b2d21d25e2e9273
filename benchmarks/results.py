"""Where a record goes: a JSON file, and a table between markers in `docs/benchmarks.md`."""

from __future__ import annotations

import json
import platform
import re
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

_ROOT = Path(__file__).parent
_PAGE = _ROOT.parent / "docs" / "benchmarks.md"
_INTRODUCTION = """# Benchmarks

Ratios of work measured side by side in one process on the same model, prompts, dtype and threads. They are written by
`python -m benchmarks NAME`; `--quick` takes under two minutes.
"""


def describe_machine(device: torch.device) -> dict[str, Any]:
    """Device, threads and versions of a run."""
    packages = ("torch", "transformers", "tokenizers", "lm_eval", "vulnscope")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _cpu_name()
    return {
        "device": name,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "versions": {package: _version(package) for package in packages},
        "date": date.today().isoformat(),
    }


def write_results(name: str, record: dict[str, Any], table: str) -> None:
    """Write `benchmarks/results/NAME.json` and replace the part of the docs between NAME's markers."""
    target = _ROOT / "results" / f"{name}.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    page = _PAGE.read_text(encoding="utf-8") if _PAGE.exists() else _INTRODUCTION
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    part = f"{begin}\n{table.strip()}\n{end}"
    if begin in page:
        page = re.sub(f"{begin}.*?{end}", lambda _: part, page, flags=re.DOTALL)
    else:
        page = f"{page.rstrip()}\n\n{part}\n"
    _PAGE.write_text(page, encoding="utf-8")


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except ImportError:
        return None
