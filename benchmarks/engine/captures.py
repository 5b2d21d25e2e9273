"""Activations of three middle layers to disk, against a cut forward with a raw write and against traces.

The floor of a capture is a plain forward cut at the highest layer, and the same number of bytes written to one file.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
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
from vulnscope.models.forward.hooks import Site
from vulnscope.models.read.early_exit import plan_reading, read_batch
from vulnscope.models.text.plan import default_max_tokens

LAYERS = (5, 6, 7)
N_TOKENS, N_QUICK_TOKENS = 100_000, 6_000
TEXT_TOKENS = 250
# Every batch costs a peer the same, so this share of the texts is timed.
PEER_SHARE = 0.2
TARGETS = {"nnsight": 1.8, "SAELens": 2.0}
# For each way: its name, the target, and where the first text is. The store stops at the highest layer as the floor
# does, so that nothing can be a multiple faster.
_SAE_LENS = {
    "runner": ("its way to disk, a run per layer", TARGETS["SAELens"], "sae-lens-runner.safetensors"),
    "store": ("store of several layers, saved by hand", None, "sae-lens-store-0.safetensors"),
}
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
        found = [
            _measure_nnsight(subject, texts, shards, folder, ours, say),
            *_measure_sae_lens(subject, texts, shards, folder, ours, options, say),
        ]
    return {
        "work": f"capture of layers {', '.join(map(str, LAYERS))} to disk, {n_texts * TEXT_TOKENS:,} tokens",
        "subject": subject.name,
        "ours_seconds": ours,
        "floor_seconds": floor,
        "ratio_to_floor": ours / floor,
        "target_to_floor": TARGET_TO_FLOOR,
        "peak_mib": peak,
        "peers": found,
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
    n = _n_peer_texts(texts)

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
    return {
        "name": "nnsight, trace and save",
        "seconds": total,
        "measured": f"{n} of {len(texts)} texts, scaled",
        "speed_up": total / ours,
        "target": TARGETS["nnsight"],
        "largest_difference": _largest_difference(shards, load_file(folder / "nnsight-0.safetensors")),
    }


def _measure_sae_lens(
    subject: Subject, texts: Sequence[Tokens], shards: Shards, folder: Path, ours: float, options: Options, say: Say
) -> list[dict[str, Any]]:
    """The same model and tokens in the environment that SAELens forces transformer-lens on."""
    if options.sae_lens_python is None:
        reason = "SAELens needs an environment of its own: give its python with --sae-lens-python"
        return [{"name": "SAELens activation store", "not_measured": reason}]
    n = _n_peer_texts(texts)
    subject.model.save_pretrained(folder / "model")
    subject.tokenizer.save_pretrained(folder / "model")
    save_file({"tokens": torch.tensor(texts[:n])}, folder / "tokens.safetensors")
    job = {"layers": LAYERS, "rows": peers.ROWS, "d_model": subject.architecture.d_model}
    (folder / "job.json").write_text(json.dumps({**job, "threads": torch.get_num_threads()}), encoding="utf-8")
    script = Path(__file__).with_name("sae_lens_store.py")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [options.sae_lens_python, "-W", "ignore", script, folder],
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    report = json.loads(done.stdout.splitlines()[-1])
    found = []
    for way, (name, target, file) in _SAE_LENS.items():
        total = report["seconds"][way] * len(texts) / n
        say(f"  {name} {total:.1f} s, {total / ours:.2f}×")
        found.append(
            {
                "name": f"SAELens {report['versions']['sae-lens']}, {name}",
                "seconds": total,
                "measured": f"{n} of {len(texts)} texts, scaled; own environment",
                "speed_up": total / ours,
                "target": target,
                "largest_difference": _largest_difference(shards, load_file(folder / file)),
                "versions": report["versions"],
            }
        )
    return found


def _n_peer_texts(texts: Sequence[Tokens]) -> int:
    return max(peers.ROWS, int(PEER_SHARE * len(texts)) // peers.ROWS * peers.ROWS)


def _largest_difference(shards: Shards, theirs: Mapping[str, torch.Tensor]) -> float:
    """Over the first text and all layers; both sides are rounded to bfloat16."""
    found = [
        (shards.load(layer).of_sample(layer, 0).float() - theirs[str(layer)][0].float()).abs().max() for layer in LAYERS
    ]
    return float(max(found))
