"""Peak memory of one piece of work inside this process."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch

Result = TypeVar("Result")
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def measure_peak_mib(work: Callable[[], Result], device: torch.device) -> tuple[float | None, Result]:
    """MiB that `work` needed beyond what was held before it (None where the system does not tell), and its result."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        result = work()
        return (torch.cuda.max_memory_allocated(device) - before) / 2**20, result
    before_mib = _reset_peak()
    result = work()
    after = _read_mib("VmHWM")
    return (None if before_mib is None or after is None else after - before_mib), result


def _reset_peak() -> float | None:
    """Set the peak to what is resident now, and return that."""
    try:
        _CLEAR.write_text("5", encoding="ascii")
    except OSError:
        return None
    return _read_mib("VmRSS")


def _read_mib(field: str) -> float | None:
    try:
        found = re.search(rf"^{field}:\s+(\d+) kB$", _STATUS.read_text(encoding="ascii"), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) / 1024 if found else None
