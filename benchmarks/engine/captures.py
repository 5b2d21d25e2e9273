"""Activations of three middle layers to disk, against a cut forward with a raw write and against traces.

The floor of a capture is a plain forward cut at the highest layer, and the same number of bytes written to one file.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from benchmarks.engine import peers
from benchmarks.engine.subjects import build_subject, random_prompts
from benchmarks.memory import measure_peak_mib
from benchmarks.options import Options
from benchmarks.timing import measure_seconds
from vulnscope.models import Shards, Subject, stream_capture
from vulnscope.models.hooks import Site
from vulnscope.models.plan import default_max_tokens
from vulnscope.models.reading import plan_reading, read_batch

LAYERS = (5, 6, 7)
N_TOKENS, N_QUICK_TOKENS = 100_000, 6_000
TEXT_TOKENS = 250
# Every batch costs a peer the same, so this share of the texts is timed.
PEER_SHARE = 0.2
TARGETS = {"nnsight": 1.8, "SAELens": 2.0}
TARGET_TO_FLOOR = 1.15

Say = Callable[[str], None]
Tokens = tuple[int, ...]


def measure(options: Options, say: Say) -> dict[str, Any]:
    """Seconds of ours, of the floor and of nnsight for the same bytes on disk."""
    subject = build_subject("small", options.device)
    n_texts = (N_QUICK_TOKENS if options.is_quick else N_TOKENS) // TEXT_TOKENS
    texts = random_prompts(subject, n_texts, TEXT_TOKENS, TEXT_TOKENS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def run() -> Shards:
            return stream_capture(subject, texts, LAYERS, folder / "ours", "all")

        _run_floor(subject, texts[: peers.ROWS], folder)
        peak, (ours, shards) = measure_peak_mib(lambda: measure_seconds(run, subject.device), subject.device)
        floor, _ = measure_seconds(lambda: _run_floor(subject, texts, folder), subject.device)
        say(f"  ours {ours:.1f} s, floor {floor:.1f} s")
        found = _measure_nnsight(subject, texts, shards, folder, ours, say)
    return {
        "work": f"capture of layers {', '.join(map(str, LAYERS))} to disk, {n_texts * TEXT_TOKENS:,} tokens",
        "subject": subject.name,
        "ours_seconds": ours,
        "floor_seconds": floor,
        "ratio_to_floor": ours / floor,
        "target_to_floor": TARGET_TO_FLOOR,
        "peak_mib": peak,
        "peers": [found, _describe_sae_lens()],
    }


@torch.inference_mode()
def _run_floor(subject: Subject, texts: Sequence[Tokens], folder: Path) -> None:
    """Forwards cut at the highest layer, in the batches of ours, and as many bytes written at once."""
    for batch in plan_reading(subject, [len(text) for text in texts], default_max_tokens(subject)):
        read_batch(subject, [texts[i] for i in batch], {Site(max(LAYERS)): lambda _: None})
    n_bytes = 2 * len(LAYERS) * subject.architecture.d_model * sum(map(len, texts))
    with (folder / "raw").open("wb") as file:
        file.write(torch.zeros(n_bytes, dtype=torch.uint8).numpy().data)
        file.flush()
        os.fsync(file.fileno())


def _measure_nnsight(
    subject: Subject, texts: Sequence[Tokens], shards: Shards, folder: Path, ours: float, say: Say
) -> dict[str, Any]:
    if not peers.is_installed("nnsight"):
        return {"name": "nnsight", "not_measured": "nnsight is not installed"}
    from nnsight import NNsight

    traced = NNsight(subject.model)
    n = max(peers.ROWS, int(PEER_SHARE * len(texts)) // peers.ROWS * peers.ROWS)

    def run() -> None:
        for start in range(0, n, peers.ROWS):
            tokens = torch.tensor(texts[start : start + peers.ROWS], device=subject.device)
            saved: dict[int, Any] = {}
            with torch.inference_mode(), traced.trace(tokens, use_cache=False):
                for layer in LAYERS:
                    saved[layer] = traced.model.layers[layer].output.save()
            rows = {str(layer): value.to("cpu", torch.bfloat16).contiguous() for layer, value in saved.items()}
            save_file(rows, folder / f"nnsight-{start}.safetensors")

    spent, _ = measure_seconds(run, subject.device)
    total = spent * len(texts) / n
    say(f"  nnsight {total:.1f} s, {total / ours:.2f}×")
    theirs = load_file(folder / "nnsight-0.safetensors")
    largest = 0.0
    for layer in LAYERS:
        mine = shards.load(layer).of_sample(layer, 0).float()
        largest = max(largest, float((mine - theirs[str(layer)][0].float()).abs().max()))
    return {
        "name": "nnsight, trace and save",
        "seconds": total,
        "measured": f"{n} of {len(texts)} texts, scaled",
        "speed_up": total / ours,
        "target": TARGETS["nnsight"],
        "largest_difference": largest,
    }


def _describe_sae_lens() -> dict[str, Any]:
    reason = (
        "SAELens forces transformer-lens and does not fit beside this package; its own environment is not set up here"
    )
    return {"name": "SAELens activation store", "not_measured": reason, "target": TARGETS["SAELens"]}
