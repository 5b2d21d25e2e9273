"""The engine: sweeps, generation under edits and captures, each against its physical limit and its peers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from transformers.utils import logging

from benchmarks.engine import captures, generations, gpu, sweeps
from benchmarks.engine.table import render
from benchmarks.options import Options
from benchmarks.results import describe_machine

__all__ = ["PARTS", "render", "run"]

Say = Callable[[str], None]
PARTS: dict[str, Callable[[Options, Say], list[dict[str, Any]]]] = {
    "sweep-last": lambda options, say: [sweeps.measure("last", options, say)],
    "sweep-all": lambda options, say: [sweeps.measure("all", options, say)],
    "generate": lambda options, say: [generations.measure_many_vectors(options, say)],
    "overhead": lambda options, say: [generations.measure_overhead(options, say)],
    "capture": lambda options, say: [captures.measure(options, say)],
    "gpu": gpu.measure,
}


def run(options: Options, say: Say) -> dict[str, Any]:
    """The record: machine, and one entry per piece of work."""
    logging.set_verbosity_error()
    unknown = [name for name in options.only if name not in PARTS]
    if unknown:
        raise SystemExit(f"unknown part {unknown[0]!r}; choose among: {', '.join(PARTS)}")
    work: list[dict[str, Any]] = []
    for name, measure in PARTS.items():
        if not options.only or name in options.only:
            say(name)
            work += measure(options, say)
    return {"machine": describe_machine(torch.device(options.device)), "is_quick": options.is_quick, "work": work}
