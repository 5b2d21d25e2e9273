"""What this machine offers to a study: versions, devices, memory, disk, optional extras."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from vulnscope.records.machine import Check, MachineReport

_REQUIRED = ("torch", "transformers", "tokenizers", "safetensors", "numpy", "scipy", "scikit-learn", "pydantic")
_EXTRAS = {
    "tables": ("pandas", "pyarrow"),
    "hub": ("datasets",),
    "tune": ("peft", "trl", "bitsandbytes"),
    "serve": ("fastapi", "uvicorn"),
    "scan": ("bandit",),
    "bench": ("lm_eval",),
}
_GIB = 2**30


def inspect_machine(runs_dir: Path) -> MachineReport:
    """All checks of `vulnscope doctor`; `runs_dir` is where runs would be written. Needs no network."""
    return MachineReport(
        checks=(
            _check_python(),
            *(_check_package(name) for name in _REQUIRED),
            *_check_devices(),
            _check_memory(),
            _check_disk(runs_dir),
            _check_organism(),
            *(_check_extra(extra, modules) for extra, modules in _EXTRAS.items()),
            _check_program("bwrap", "sandbox for untrusted code", "apt-get install bubblewrap"),
            _check_program("chromium", "browser test of reports", "apt-get install chromium"),
            _check_data(),
        )
    )


def _check_python() -> Check:
    is_supported = sys.version_info >= (3, 11)
    return Check(
        name="python",
        state="ok" if is_supported else "failed",
        detail=f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        remedy=None if is_supported else "install Python 3.11 or newer",
    )


def _check_package(name: str) -> Check:
    try:
        return Check(name=name, state="ok", detail=version(name))
    except PackageNotFoundError:
        return Check(name=name, state="failed", detail="not installed", remedy="pip install vulnscope")


def _check_devices() -> list[Check]:
    import torch

    if not torch.cuda.is_available():
        kind = "mps" if torch.backends.mps.is_available() else "cpu"
        return [Check(name="device", state="ok", detail=f"{kind}, {torch.get_num_threads()} threads, no CUDA device")]
    checks = []
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        dtype = "bfloat16" if (properties.major, properties.minor) >= (8, 0) else "float32 (bfloat16 is only emulated)"
        detail = f"{properties.name}, {properties.total_memory / _GIB:.0f} GiB, dtype auto = {dtype}"
        checks.append(Check(name=f"cuda:{index}", state="ok", detail=detail))
    return checks


def _check_memory() -> Check:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB
    return Check(name="memory", state="ok", detail=f"{total:.1f} GiB")


def _check_disk(runs_dir: Path) -> Check:
    existing = next(parent for parent in (runs_dir.absolute(), *runs_dir.absolute().parents) if parent.exists())
    free = shutil.disk_usage(existing).free / _GIB
    if not os.access(existing, os.W_OK):
        return Check(name="runs", state="failed", detail=f"{existing} is not writable", remedy="choose --runs-dir")
    return Check(name="runs", state="ok", detail=f"{runs_dir}, {free:.1f} GiB free")


def _check_organism() -> Check:
    weights = Path(__file__).parents[1] / "weights" / "organism" / "model.safetensors"
    if weights.is_file():
        return Check(name="organism", state="ok", detail=f"{weights.stat().st_size / 2**20:.1f} MiB of weights")
    return Check(name="organism", state="failed", detail="weights missing", remedy="vulnscope organism train")


def _check_extra(extra: str, modules: tuple[str, ...]) -> Check:
    absent = [module for module in modules if find_spec(module) is None]
    if not absent:
        return Check(name=f"[{extra}]", state="ok", detail=", ".join(modules))
    return Check(
        name=f"[{extra}]",
        state="missing",
        detail=f"without {', '.join(absent)}",
        remedy=f"pip install 'vulnscope[{extra}]'",
    )


def _check_program(program: str, use: str, remedy: str) -> Check:
    path = shutil.which(program)
    if path is not None:
        return Check(name=program, state="ok", detail=f"{path} ({use})")
    return Check(name=program, state="missing", detail=f"not found ({use})", remedy=remedy)


def _check_data() -> Check:
    root = os.environ.get("VULNSCOPE_DATA")
    if root is None:
        return Check(name="VULNSCOPE_DATA", state="missing", detail="not set", remedy="set it, or pass --data-dir")
    if not Path(root).is_dir():
        return Check(name="VULNSCOPE_DATA", state="failed", detail=f"{root} is no folder", remedy="correct or unset it")
    names = sorted(entry.name for entry in Path(root).iterdir() if entry.is_dir())
    return Check(name="VULNSCOPE_DATA", state="ok", detail=f"{root}: {', '.join(names)}")
