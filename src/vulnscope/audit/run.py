"""The audit: ask every sample, measure what the model says, and put controls and intervals beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.ask.asking import Progress, ask
from vulnscope.ask.measures import Item
from vulnscope.ask.preparation import Prepared
from vulnscope.ask.selection import check_selection, open_protocol, prepare_selected
from vulnscope.audit.judgement import Asked, judge
from vulnscope.corpora import Corpus
from vulnscope.models import Subject, measure_noise_floor
from vulnscope.records.audit import AuditRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vulnscope.audit.config import AuditConfig
    from vulnscope.records.base import Number
    from vulnscope.records.rows import VerdictRow
    from vulnscope.store import AnswerCache, Run

_N_NOISE_REQUESTS = 8


def run_audit(
    subject: Subject,
    corpus: Corpus,
    config: AuditConfig,
    run: Run,
    *,
    baseline_corpus: Corpus | None = None,
    cache: AnswerCache | None = None,
    command: str = "",
    progress: Progress | None = None,
) -> AuditRecord:
    """What `subject` says about `corpus`, with controls and intervals.

    Rows already in `run` and answers in `cache` are not asked again. `baseline_corpus` is the loaded corpus that
    `config.baseline_corpus` names. `progress` receives (rows done, rows in all). Neither result nor report is
    written: the caller does. Raises `InputError` when nothing is left to ask.
    """
    protocol = open_protocol(subject, config)
    prepared = prepare_selected(subject, corpus, config, protocol)
    noise_floor = _measure_noise(subject, prepared)
    rows = ask(
        subject, protocol, prepared, run, cache=cache, max_batch_tokens=config.max_batch_tokens, progress=progress
    )
    return judge(
        _join(prepared, rows, corpus),
        corpus,
        config,
        Asked(protocol.name, tuple(prompt.name for prompt in protocol.prompts.prompts), protocol.canonical_text()),
        subject=subject.info(noise_floor).model_copy(update={"chat_template": protocol.is_chat}),
        run=run,
        left_out=prepared.left_out,
        baseline_corpus=baseline_corpus,
        command=command,
    )


def check_audit(corpus: Corpus, config: AuditConfig) -> None:
    """Raise `InputError` where `config` cannot be carried out on `corpus`, before a model is opened or a run made."""
    check_selection(corpus, config)


def _measure_noise(subject: Subject, prepared: Prepared) -> Number:
    shortest = sorted(range(len(prepared.samples)), key=lambda i: prepared.requests.packed[i].n_tokens[0])
    return measure_noise_floor(subject, [prepared.requests[i] for i in shortest[:_N_NOISE_REQUESTS]])


def _join(prepared: Prepared, rows: Sequence[VerdictRow], corpus: Corpus) -> list[Item]:
    pairs = zip(prepared.samples, rows, strict=True)
    return [Item(sample, row, corpus.groups[sample.id], place) for place, (sample, row) in enumerate(pairs)]
