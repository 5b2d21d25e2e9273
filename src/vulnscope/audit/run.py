"""The audit: ask every sample, measure what the model says, and put controls and intervals beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vulnscope.ask.asking import Progress, ask
from vulnscope.ask.measures import Item
from vulnscope.ask.preparation import Prepared, prepare
from vulnscope.ask.requests import Requests
from vulnscope.ask.selection import check_selection, open_protocol, prepare_selected, select_samples
from vulnscope.audit.background import measure_background
from vulnscope.audit.judgement import Asked, judge
from vulnscope.corpora import Corpus
from vulnscope.corpora.ordinary import OrdinaryCode, load_ordinary
from vulnscope.models import Subject, measure_noise_floor
from vulnscope.records.audit import AuditRecord
from vulnscope.stats import Bootstrap

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
    background: OrdinaryCode | None = None,
    cache: AnswerCache | None = None,
    command: str = "",
    progress: Progress | None = None,
) -> AuditRecord:
    """What `subject` says about `corpus`, with controls and intervals.

    Rows already in `run` and answers in `cache` are not asked again. `baseline_corpus` is the loaded corpus that
    `config.baseline_corpus` names, `background` what `load_background` found. `progress` receives (rows done, rows in
    all). Neither result nor report is written: the caller does. Raises `InputError` when nothing is left to ask.
    """
    protocol = open_protocol(subject, config)
    prepared = prepare_selected(subject, corpus, config, protocol)
    ordinary = None if background is None else prepare(protocol, background.corpus.samples, subject.max_positions)
    noise_floor = _measure_noise(subject, prepared)
    rows = ask(
        subject,
        protocol,
        prepared if ordinary is None else join_prepared(prepared, ordinary),
        run,
        cache=cache,
        max_batch_tokens=config.max_batch_tokens,
        progress=progress,
    )
    items = _join(prepared, rows[: len(prepared.samples)], corpus)
    record = judge(
        items,
        corpus,
        config,
        Asked(protocol.name, tuple(prompt.name for prompt in protocol.prompts.prompts), protocol.canonical_text()),
        subject=subject.info(noise_floor).model_copy(update={"chat_template": protocol.is_chat}),
        run=run,
        left_out=prepared.left_out,
        baseline_corpus=baseline_corpus,
        command=command,
    )
    if background is None or ordinary is None:
        return record
    functions = _join(ordinary, rows[len(prepared.samples) :], background.corpus)
    bootstrap = Bootstrap(n_draws=config.n_bootstrap, seed=config.seed)
    folder, prevalence = config.background or "", config.prevalence
    figures = measure_background(functions, items, background, folder, prevalence, bootstrap)
    return record.model_copy(update={"background": figures})


def join_prepared(one: Prepared, other: Prepared) -> Prepared:
    """Both to be asked in one run, `one` first; what was left out is that of `one`."""
    return Prepared(
        samples=(*one.samples, *other.samples),
        cuts=(*one.cuts, *other.cuts),
        requests=Requests((*one.requests.packed, *other.requests.packed)),
        left_out=one.left_out,
    )


def load_background(corpus: Corpus, config: AuditConfig) -> OrdinaryCode | None:
    """The ordinary functions that `config` names, in the languages of the asked part of `corpus`; None without."""
    if config.background is None:
        return None
    asked = select_samples(corpus, config).samples
    return load_ordinary(
        Path(config.background),
        languages=sorted({sample.language for sample in asked}),
        without={sample.sha256 for sample in corpus.samples},
        limit=config.background_limit,
        seed=config.seed,
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
