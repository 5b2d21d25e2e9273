"""What an audit would ask and need, for `--dry-run`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from vulnscope.ask.scored.preparation import prepare
from vulnscope.ask.scored.requests import Requests
from vulnscope.ask.selection import open_protocol, prepare_selected
from vulnscope.models import plan_batches, score_batch
from vulnscope.models.subject.inspection import estimate_memory
from vulnscope.records.audit import AuditEstimate

if TYPE_CHECKING:
    from vulnscope.audit.config import AuditConfig
    from vulnscope.corpora import Corpus
    from vulnscope.corpora.ordinary import OrdinaryCode
    from vulnscope.models import Subject

ROW_BYTES = 300
READING_BYTES = 180


def estimate_audit(
    subject: Subject,
    corpus: Corpus,
    config: AuditConfig,
    clock: Callable[[], float],
    background: OrdinaryCode | None = None,
) -> AuditEstimate:
    """What `run_audit` would do with these arguments; asks one batch to time it by `clock`, in seconds."""
    protocol = open_protocol(subject, config)
    prepared = prepare_selected(subject, corpus, config, protocol)
    ordinary = prepare(protocol, background.corpus.samples if background else (), subject.max_positions)
    requests = Requests((*prepared.requests.packed, *ordinary.requests.packed))
    plan = plan_batches(subject, requests, config.max_batch_tokens)
    batch = [requests[i] for i in plan.batches[len(plan.batches) // 2]]
    alone = plan_batches(subject, batch, plan.max_tokens)
    started = clock()
    score_batch(subject, batch, plan.max_tokens)
    seconds = (clock() - started) * plan.n_distinct_tokens / alone.n_distinct_tokens
    longest = max(max(packed.n_tokens) for packed in requests.packed)
    rows = max(1, plan.max_tokens // longest)
    asked = {sample.id for sample in prepared.samples}
    return AuditEstimate(
        n_samples=len(prepared.samples),
        n_pairs=sum(twins.vulnerable.id in asked and twins.fixed.id in asked for twins in corpus.pairs),
        n_groups=len({corpus.groups[sample_id] for sample_id in asked}),
        n_left_out=sum(part.n for part in prepared.left_out),
        n_background=len(ordinary.samples),
        n_cut=sum(cut is not None for cut in (*prepared.cuts, *ordinary.cuts)),
        n_prompts=len(requests) * len(protocol.questions),
        n_batches=len(plan.batches),
        n_tokens=plan.n_tokens,
        n_distinct_tokens=plan.n_distinct_tokens,
        seconds=seconds,
        memory_bytes=estimate_memory(subject, rows, longest).total_bytes,
        disk_bytes=len(requests) * (ROW_BYTES + READING_BYTES * len(protocol.questions)),
        left_out=prepared.left_out,
        config=config.model_dump(mode="json"),
    )
