"""Every layer × 9 scales on prompts of about 300 tokens, against the floor and against a forward per point.

The floor of a sweep is one plain forward of all prompts without head, plus what its points cannot do without: each
edited token through the layers above the edit, at the price per token and layer of that plain forward, and the head
once per point.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import torch

from benchmarks.engine import peers
from benchmarks.engine.subjects import build_subject, random_prompts, random_vector
from benchmarks.memory import measure_peak_mib
from benchmarks.options import Options
from benchmarks.timing import measure_seconds
from vulnscope.models import Subject
from vulnscope.models.forward.forward import run_model
from vulnscope.models.forward.head import head_logits, reading_head
from vulnscope.models.read.early_exit import pad_right
from vulnscope.models.sweeps.grid import make_grid
from vulnscope.models.sweeps.sweeping import SweepRow, sweep

SCALES = (-2.0, -1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0, 2.0)
ANSWERS = (7, 9)
LENGTHS = (280, 320)
N_PROMPTS = {"last": 64, "all": 16}
N_QUICK = {"last": 16, "all": 4}
TARGETS = {
    "last": {"plain hooks, all logits": 80.0, "plain hooks, last logit": 55.0, "steering-vectors": 80.0},
    "all": {"plain hooks, all logits": 2.3, "plain hooks, last logit": 2.3, "steering-vectors": 2.3},
}
TARGET_TO_FLOOR = {"last": 1.6, "all": None}
# Every point costs a peer the same, so a few are timed and the rest is counted.
PEER_POINTS = ((3, -1.0), (8, 0.5))
_TOLERANCE_NATS = {torch.float32: 1e-4, torch.bfloat16: 0.5}

Say = Callable[[str], None]


def measure(selector: Literal["last", "all"], options: Options, say: Say) -> dict[str, Any]:
    """Seconds of ours, the floor and the peers, and how far the numbers differ."""
    subject = build_subject("small", options.device)
    prompts = random_prompts(subject, (N_QUICK if options.is_quick else N_PROMPTS)[selector], *LENGTHS)
    vector = random_vector(subject)
    work = partial(run_ours, subject, prompts, vector, selector)
    run_ours(subject, prompts[:1], vector, selector)
    n_repeats = 1 if options.is_quick or selector == "all" else 3
    forward, _ = measure_seconds(lambda: run_plain(subject, prompts), subject.device, n_repeats)
    (ours, rows), peak = _with_peak(lambda: measure_seconds(work, subject.device, n_repeats), subject.device)
    floor = forward + floor_of_points(subject, prompts, selector, forward)
    say(f"  ours {ours:.1f} s, floor {floor:.1f} s, plain forward {forward:.1f} s")
    _require_effects(rows)
    return {
        "work": f"sweep of every layer × {len(SCALES)} scales, edits at {_NAMES[selector]}, {len(prompts)} prompts of "
        f"{LENGTHS[0]} to {LENGTHS[1]} tokens",
        "subject": subject.name,
        "n_points": len(SCALES) * subject.architecture.n_layers,
        "ours_seconds": ours,
        "floor_seconds": floor,
        "forward_seconds": forward,
        "ratio_to_floor": ours / floor,
        "target_to_floor": TARGET_TO_FLOOR[selector],
        "peak_mib": peak,
        "peers": measure_peers(subject, prompts, vector, selector, rows, ours, options, say),
    }


def run_ours(
    subject: Subject, prompts: Sequence[tuple[int, ...]], vector: torch.Tensor, selector: str
) -> list[SweepRow]:
    """The whole sweep, planning included."""
    grid = make_grid(range(subject.architecture.n_layers), {"v": vector}, SCALES, (selector,), unit="raw")
    answers = [tuple((token,) for token in ANSWERS)] * len(prompts)
    return sweep(subject, prompts, answers, grid)


@torch.inference_mode()
def run_plain(subject: Subject, prompts: Sequence[tuple[int, ...]]) -> None:
    """One plain forward of all prompts without head."""
    order = sorted(prompts, key=len)
    nothing = torch.zeros(0, dtype=torch.long, device=subject.device)
    for start in range(0, len(order), peers.ROWS):
        tokens, positions = (part.to(subject.device) for part in pad_right(order[start : start + peers.ROWS]))
        with reading_head(subject.model, nothing, nothing):
            run_model(subject.model, subject.architecture, tokens, positions)


@torch.inference_mode()
def floor_of_points(
    subject: Subject, prompts: Sequence[tuple[int, ...]], selector: Literal["last", "all"], forward: float
) -> float:
    """Seconds that the points cannot do without; scale 0 is the plain forward, read once per prompt."""
    n_layers = subject.architecture.n_layers
    n_tokens = sum(map(len, prompts))
    n_edited = len(prompts) if selector == "last" else n_tokens
    n_scales = len(SCALES) - 1
    token_layers = n_edited * n_scales * sum(n_layers - 1 - layer for layer in range(n_layers))
    n_reads = len(prompts) * (n_scales * n_layers + 1)
    hidden = torch.randn(512, subject.architecture.d_model, dtype=subject.dtype, device=subject.device)
    head = subject.model.get_output_embeddings()
    head_seconds, _ = measure_seconds(lambda: head_logits(head, hidden), subject.device, 3)
    return forward * token_layers / (n_layers * n_tokens) + head_seconds * n_reads / len(hidden)


def measure_peers(
    subject: Subject,
    prompts: Sequence[tuple[int, ...]],
    vector: torch.Tensor,
    selector: Literal["last", "all"],
    rows: Sequence[SweepRow],
    ours: float,
    options: Options,
    say: Say,
) -> list[dict[str, Any]]:
    """What each peer takes for the points measured, scaled to all of them."""
    tokens = slice(-1, None) if selector == "last" else slice(None)
    points = PEER_POINTS[:1] if options.is_quick else PEER_POINTS
    n_points = len(SCALES) * subject.architecture.n_layers
    ways = {
        "plain hooks, all logits": (peers.hooked, True),
        "plain hooks, last logit": (peers.hooked, False),
        "steering-vectors": (peers.steered, True),
    }
    measured: list[dict[str, Any]] = []
    for name, (edit, has_all_logits) in ways.items():
        if edit is peers.steered and not peers.is_installed("steering_vectors"):
            reason = "steering-vectors 0.12.2 is not installed (pip install --no-deps --target FOLDER, and PYTHONPATH)"
            measured.append({"name": name, "not_measured": reason})
            continue
        seconds, difference = 0.0, 0.0
        for layer, scale in points:
            context = partial(edit, subject, layer, scale * vector.to(subject.device), tokens)
            run = partial(peers.score_plainly, subject, prompts, ANSWERS, context, all_logits=has_all_logits)
            spent, found = measure_seconds(run, subject.device)
            seconds += spent
            mine = {row.prompt: row for row in rows if row.site == f"{layer}.resid_post" and row.scale == scale}
            difference = max(
                difference,
                *(abs(a - b) for n, x in enumerate(found) for a, b in zip(x, mine[n].scores.log_probs, strict=True)),
            )
        if difference > _TOLERANCE_NATS[subject.dtype]:
            raise SystemExit(f"sweep: ours differs from {name} by {difference:.2g} nats")
        total = seconds * n_points / len(points)
        say(f"  {name}: {total:.0f} s, {total / ours:.1f}×")
        measured.append(
            {
                "name": name,
                "seconds": total,
                "measured": f"{len(points)} of {n_points} points, scaled",
                "speed_up": total / ours,
                "target": TARGETS[selector][name],
                "largest_difference_nats": difference,
            }
        )
    return measured


_NAMES = {"last": "the last token", "all": "all tokens"}


def _with_peak(work: Callable[[], Any], device: torch.device) -> tuple[Any, float | None]:
    peak, result = measure_peak_mib(work, device)
    return result, peak


def _require_effects(rows: Sequence[SweepRow]) -> None:
    """A benchmark of edits that change nothing would measure nothing."""
    clean = {row.prompt: row.scores.log_probs[0] for row in rows if row.scale == 0}
    smallest = min(abs(row.scores.log_probs[0] - clean[row.prompt]) for row in rows if abs(row.scale) == 2.0)
    if smallest < 1e-4:
        raise SystemExit("sweep: some edits change nothing")
