"""Absolute speed on a GPU, in bfloat16, on models of realistic shape; nothing to measure without one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from benchmarks.engine.subjects import SHAPES, build_subject, random_prompts, random_vector
from benchmarks.engine.sweeps import LENGTHS, SCALES, run_ours, run_plain
from benchmarks.memory import measure_peak_mib
from benchmarks.options import Options
from benchmarks.timing import measure_seconds

N_PROMPTS = 64

Say = Callable[[str], None]


def measure(options: Options, say: Say) -> list[dict[str, Any]]:
    """Tokens per second of a plain forward and of a sweep of the last token, for each shape."""
    keys = ("0.5b", "7b")
    if not options.device.startswith("cuda"):
        return [{"work": f"on a GPU, {SHAPES[key][0]}", "not_measured": "no GPU was at hand"} for key in keys]
    return [_measure(key, options, say) for key in keys]


def _measure(key: str, options: Options, say: Say) -> dict[str, Any]:
    subject = build_subject(key, options.device)
    prompts = random_prompts(subject, N_PROMPTS // (8 if options.is_quick else 1), *LENGTHS)
    vector = random_vector(subject).to(subject.device)
    n_tokens = sum(map(len, prompts))

    def run() -> object:
        return run_ours(subject, prompts, vector, "last")

    run_plain(subject, prompts)
    forward, _ = measure_seconds(lambda: run_plain(subject, prompts), subject.device, 3)
    run_ours(subject, prompts[:2], vector, "last")
    peak, (ours, _) = measure_peak_mib(lambda: measure_seconds(run, subject.device, 2), subject.device)
    build_subject.cache_clear()
    say(f"  {subject.name}: {n_tokens / forward:,.0f} tokens/s, sweep {ours:.2f} s")
    return {
        "work": f"sweep of every layer × {len(SCALES)} scales at the last token, {len(prompts)} prompts",
        "subject": f"{subject.name}, {str(subject.dtype).removeprefix('torch.')}, "
        f"{torch.cuda.get_device_name(subject.device)}",
        "ours_seconds": ours,
        "forward_seconds": forward,
        "forward_tokens_per_second": n_tokens / forward,
        "points_per_second": len(SCALES) * subject.architecture.n_layers * len(prompts) / ours,
        "peak_mib": peak,
        "peers": [],
    }
