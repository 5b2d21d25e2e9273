"""Generation under edits: many vectors in one batch against one `generate` per vector, and what an edit costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from benchmarks.engine import peers
from benchmarks.engine.subjects import build_subject, random_prompts, random_vector
from benchmarks.memory import measure_peak_mib
from benchmarks.options import Options
from benchmarks.timing import measure_seconds
from vulnscope.models import Subject, add, generate

LAYER = 6
N_VECTORS, N_SCALES = 8, 8
N_NEW_TOKENS = 64
PROMPT_TOKENS = 32
N_ROWS = 16
N_PEER_ROWS = 8
TARGET_MANY, TARGET_OVERHEAD = 10.0, 1.03

Say = Callable[[str], None]


def measure_many_vectors(options: Options, say: Say) -> dict[str, Any]:
    """64 vectors × scales on one prompt: ours in one batch; the peer runs one `generate` for each."""
    subject = build_subject("small", options.device)
    (prompt,) = random_prompts(subject, 1, PROMPT_TOKENS, PROMPT_TOKENS)
    n_new = 16 if options.is_quick else N_NEW_TOKENS
    scales = torch.arange(1, N_SCALES + 1).repeat(N_VECTORS) / N_SCALES
    vectors = torch.stack([random_vector(subject, seed) for seed in range(N_VECTORS)]).repeat_interleave(N_SCALES, 0)
    n_rows = len(vectors)
    edit = add(LAYER, vectors, scales, "all", unit="raw")

    def run() -> list[tuple[int, ...]]:
        found = generate(subject, [prompt] * n_rows, n_new, edits=[edit], batch_size=n_rows)
        return [row.token_ids for row in found]

    def run_peer() -> list[tuple[int, ...]]:
        step = n_rows // N_PEER_ROWS
        return [_generate_plainly(subject, prompt, n_new, scales[i] * vectors[i]) for i in range(0, n_rows, step)]

    peak, (ours, found) = measure_peak_mib(lambda: measure_seconds(run, subject.device, 2), subject.device)
    spent, expected = measure_seconds(run_peer, subject.device)
    total = spent * n_rows / N_PEER_ROWS
    say(f"  ours {ours:.1f} s, one generate per vector {total:.1f} s, {total / ours:.1f}×")
    same = [mine == theirs for mine, theirs in zip(found[:: n_rows // N_PEER_ROWS], expected, strict=True)]
    return {
        "work": f"{n_rows} vectors and scales under `generate`, prompt of {PROMPT_TOKENS}, {n_new} new tokens",
        "subject": subject.name,
        "ours_seconds": ours,
        "peak_mib": peak,
        "peers": [
            {
                "name": "one `generate` per vector (plain hook)",
                "seconds": total,
                "measured": f"{N_PEER_ROWS} of {n_rows} vectors, scaled",
                "speed_up": total / ours,
                "target": TARGET_MANY,
                "agreement": f"{sum(same)} of {len(same)} continuations equal",
            }
        ],
    }


def measure_overhead(options: Options, say: Say) -> dict[str, Any]:
    """`generate` with one edit at all tokens against `generate` without."""
    subject = build_subject("small", options.device)
    prompts = random_prompts(subject, N_ROWS, PROMPT_TOKENS, PROMPT_TOKENS)
    n_new = 16 if options.is_quick else N_NEW_TOKENS
    edit = add(LAYER, random_vector(subject), 0.5, "all", unit="raw")

    def run_edited() -> object:
        return generate(subject, prompts, n_new, edits=[edit])

    peak, _ = measure_peak_mib(run_edited, subject.device)
    edited = plain = float("inf")
    # Taken in turns, so that a busy minute on a shared machine hits both.
    for _ in range(2 if options.is_quick else 7):
        plain = min(plain, measure_seconds(lambda: generate(subject, prompts, n_new), subject.device)[0])
        edited = min(edited, measure_seconds(run_edited, subject.device)[0])
    say(f"  plain {plain:.2f} s, edited {edited:.2f} s, {edited / plain:.3f}")
    return {
        "work": f"one edit at all tokens under `generate`, {N_ROWS} rows, {n_new} new tokens",
        "subject": subject.name,
        "ours_seconds": edited,
        "peak_mib": peak,
        "floor_seconds": plain,
        "floor": "the same without edit",
        "ratio_to_floor": edited / plain,
        "target_to_floor": TARGET_OVERHEAD,
        "peers": [],
    }


def _generate_plainly(subject: Subject, prompt: tuple[int, ...], n_new: int, vector: torch.Tensor) -> tuple[int, ...]:
    tokens = torch.tensor([prompt], device=subject.device)
    with torch.inference_mode(), peers.hooked(subject, LAYER, vector.to(subject.device), slice(None)):
        output = subject.model.generate(  # type: ignore[operator]
            input_ids=tokens, attention_mask=torch.ones_like(tokens), max_new_tokens=n_new, do_sample=False
        )
    return tuple(output[0, len(prompt) :].tolist())
