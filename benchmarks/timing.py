"""Seconds of work: of this process's CPU where that is what computes, of the clock on a GPU."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import torch

Result = TypeVar("Result")


def measure_seconds(work: Callable[[], Result], device: torch.device, n_repeats: int = 1) -> tuple[float, Result]:
    """The fastest of `n_repeats` runs of `work`, and its last result.

    CPU seconds are summed over threads, so that other processes on a shared machine do not count.
    """
    best = float("inf")
    for _ in range(n_repeats):
        start = _now(device)
        result = work()
        best = min(best, _now(device) - start)
    return best, result


def _now(device: torch.device) -> float:
    if device.type != "cuda":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()
