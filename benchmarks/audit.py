"""The audit's engine: scoring against the harness and against the floor, memory, and the cost of `--help`.

The floor is one plain forward over the distinct tokens of a batch, laid out as one row per sample, without head or
cache: less than any exact method can do, since tokens behind a shared prefix attend to less there. "With head" adds
the head and its softmax at the positions read, which the probabilities cannot do without.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import torch
from transformers.utils import logging

from benchmarks import peer, processes
from benchmarks.items import Question, ask_questions, load_samples
from benchmarks.options import Options
from benchmarks.results import describe_machine
from benchmarks.subjects import SHAPES, build_subject
from benchmarks.timing import measure_seconds
from vulnscope.models import PromptScores, ScoreRequest, Subject, plan_batches, score_batch
from vulnscope.models.forward.call_prices import costs_of
from vulnscope.models.forward.head import head_logits
from vulnscope.models.forward.prefix import Tokens, plant_forest
from vulnscope.models.forward.tree_forward import Read, answer_reads, run_forest
from vulnscope.models.text.plan import BatchPlan, limits_of
from vulnscope.prompts import count_shared

# More rows, or longer ones, and the peer needs over 16 GB: it holds rows × tokens × vocabulary logits, twice.
_PEER_ROWS = 4
_LONGEST_TOKENS = 1000
_HEAD_ROWS = 64
_QUESTION_TOKENS = 100
_N_SAMPLES = {"wide-vocabulary": 16, "organism": 96, "coder-0.5b": 8}
_N_QUICK = {"wide-vocabulary": 4, "organism": 12, "coder-0.5b": 2}
# Half precision rounds at every step of either side.
_TOLERANCE_NATS = {torch.float32: 1e-4, torch.bfloat16: 0.5}
_N_MEMORY = {True: (16, 64), False: (100, 800)}

Say = Callable[[str], None]


def run(options: Options, say: Say) -> dict[str, Any]:
    """The record: machine, one entry per subject, peak memory at two sizes, and what `--help` costs."""
    logging.set_verbosity_error()
    device = torch.device(options.device)
    parts = options.only or (*SHAPES, "memory", "help")
    record: dict[str, Any] = {"machine": describe_machine(device), "is_quick": options.is_quick, "scoring": []}
    for key in SHAPES:
        if key in parts:
            say(f"scoring: {SHAPES[key].name}")
            record["scoring"].append(compare_scoring(key, device, options, say))
    if "memory" in parts:
        say("memory: audits of two sizes")
        record["memory"] = processes.measure_memory(_N_MEMORY[options.is_quick])
    if "help" in parts:
        say("help: imports and CPU time")
        record["help"] = processes.measure_help()
    return record


def compare_scoring(key: str, device: torch.device, options: Options, say: Say) -> dict[str, Any]:
    """Seconds of ours, of the floor and of the peer on the same requests, and how far the answers differ."""
    subject = build_subject(key, device)
    n_samples = (_N_QUICK if options.is_quick else _N_SAMPLES)[key]
    longest = min(_LONGEST_TOKENS, (subject.max_positions or _LONGEST_TOKENS) - _QUESTION_TOKENS)
    samples, source = load_samples(
        options.data_dir, n_samples, lambda code: len(subject.tokenizer(code)["input_ids"]) <= longest
    )
    questions = ask_questions(samples)
    harness = peer.open_peer(subject, _PEER_ROWS) if peer.is_installed() else None
    requests = _requests(questions, subject, harness)
    n_repeats = 1 if options.is_quick else 3
    _score(subject, requests[:1])
    ours, (plan, scores) = measure_seconds(lambda: _score(subject, requests), device, n_repeats)
    floor, _ = measure_seconds(lambda: _run_floor(subject, requests, plan), device, n_repeats)
    n_reads = sum(count_reads(request) for request in requests)
    head, _ = measure_seconds(lambda: _run_head(subject, n_reads), device, n_repeats)
    result = {
        "key": key,
        "subject": subject.name,
        "n_parameters": subject.n_parameters,
        "dtype": str(subject.dtype).removeprefix("torch."),
        "items": source,
        "n_prompts": len(questions),
        "n_tokens": sum(len(prompt) for request in requests for prompt in request.prompts),
        "n_distinct_tokens": plan.n_distinct_tokens,
        "ours_seconds": ours,
        "floor_seconds": floor,
        "ratio_to_floor": ours / floor,
        "n_reads": n_reads,
        "head_seconds": head,
        "ratio_to_floor_and_head": ours / (floor + head),
        "target": SHAPES[key].target,
    }
    say(f"  ours {ours:.2f} s, floor {floor:.2f} s")
    if harness is None:
        return {**result, "peer": "lm-eval is not installed"}
    seconds, answers = measure_seconds(lambda: peer.score(harness, questions), device)
    say(f"  peer {seconds:.2f} s")
    difference = max(
        abs(mine - theirs)
        for found, expected in zip(scores, answers, strict=True)
        for mine, theirs in zip(found.log_probs, expected, strict=True)
    )
    tolerance = _TOLERANCE_NATS[subject.dtype]
    if difference > tolerance:
        raise SystemExit(f"{key}: answers differ from the peer's by {difference:.2g} nats, more than {tolerance}")
    peer_result = {"peer_seconds": seconds, "speed_up": seconds / ours, "largest_difference_nats": difference}
    return {**result, "peer": f"lm-eval HFLM, batch {_PEER_ROWS}", **peer_result}


def render(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    machine = record["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items() if number)
    lines = [
        "## Audit",
        "",
        f"{machine['device']}, {machine['threads']} thread(s), {versions}, {machine['date']}. Seconds are CPU seconds "
        "(on a GPU: seconds of the clock). Six prompts per sample, six answers per prompt.",
        "",
        "| subject | items | tokens (distinct) | ours | peer | speed-up | target | ratio to floor | with head "
        "| difference |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in record["scoring"]:
        has_peer = "peer_seconds" in row
        cells = [
            f"{row['subject']}, {row['dtype']}",
            row["items"],
            f"{row['n_tokens']:,} ({row['n_distinct_tokens']:,})",
            f"{row['ours_seconds']:.1f} s",
            f"{row['peer_seconds']:.1f} s" if has_peer else row["peer"],
            f"**{row['speed_up']:.1f}×**" if has_peer else "",
            f"{row['target']:.0f}×",
            f"{row['ratio_to_floor']:.2f}",
            f"{row['ratio_to_floor_and_head']:.2f}",
            f"{row['largest_difference_nats']:.1e} nats" if has_peer else "",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    lines += [
        "",
        f"Peer: lm-evaluation-harness' `HFLM.loglikelihood`, batch {_PEER_ROWS}.",
        (__doc__ or "").split("\n\n")[1],
    ]
    if "memory" in record:
        sizes = "; ".join(f"{row['n_samples']} samples: {row['peak_mib']:.0f} MiB" for row in record["memory"])
        lines += ["", f"Peak memory of a whole audit of the organism's shape: {sizes}."]
    if "help" in record:
        packages = ", ".join(record["help"]["packages"])
        lines += ["", f"`vulnscope --help`: {record['help']['cpu_seconds']:.2f} CPU seconds; imports {packages}."]
    return "\n".join(lines)


def _requests(questions: Sequence[Question], subject: Subject, harness: Any) -> list[ScoreRequest]:
    """One request per sample, tokenised as the peer does; without it, prompts and answers each as they are."""
    if harness is not None:
        encoded = peer.encode(harness, questions)
    else:
        encoded = [
            (
                tuple(subject.tokenizer(question.context)["input_ids"]),
                tuple(tuple(subject.tokenizer(answer)["input_ids"]) for answer in question.answers),
            )
            for question in questions
        ]
    requests = []
    for _, group in groupby(zip(questions, encoded, strict=True), key=lambda pair: pair[0].sample):
        prompts, answers = zip(*(tokens for _, tokens in group), strict=True)
        requests.append(ScoreRequest(prompts, answers))
    return requests


def _score(subject: Subject, requests: Sequence[ScoreRequest]) -> tuple[BatchPlan, list[PromptScores]]:
    """Everything an audit does between tokens and scores, planning included."""
    plan = plan_batches(subject, requests)
    found: dict[int, tuple[PromptScores, ...]] = {}
    for batch in plan.batches:
        found.update(zip(batch, score_batch(subject, [requests[i] for i in batch], plan.max_tokens), strict=True))
    return plan, [scores for number in range(len(requests)) for scores in found[number]]


def count_reads(request: ScoreRequest) -> int:
    """Positions after which a token's probability is asked for: each needs one row of the head."""
    contexts = {
        prompt + answer[:end]
        for prompt, answers in zip(request.prompts, request.answers, strict=True)
        for answer in answers
        for end in range(len(answer))
    }
    return len(contexts)


def _run_head(subject: Subject, n_reads: int) -> None:
    """The head and the softmax on so many rows, in calls of the size that scoring makes."""
    head = subject.model.get_output_embeddings()
    with torch.inference_mode():
        for start in range(0, n_reads, _HEAD_ROWS):
            n_rows = min(_HEAD_ROWS, n_reads - start)
            hidden = torch.ones(n_rows, subject.architecture.d_model, dtype=subject.dtype, device=subject.device)
            answer_reads(head_logits(head, hidden), [Read(0, 0, (0,))] * n_rows)


def _run_floor(subject: Subject, requests: Sequence[ScoreRequest], plan: BatchPlan) -> None:
    for batch in plan.batches:
        rows: list[Tokens] = []
        previous: Tokens = ()
        for number in batch:
            row: Tokens = ()
            for tokens in sorted(set(requests[number].sequences())):
                row += tokens[count_shared(previous, tokens) :]
                previous = tokens
            rows.append(row)
        forest = plant_forest([row for row in rows if row], lambda *_: False)
        limits = limits_of(subject, plan.max_tokens)
        run_forest(subject.model, subject.architecture, forest, [], costs_of(subject), limits)
