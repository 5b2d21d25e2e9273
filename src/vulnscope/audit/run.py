"""The audit: ask every sample, measure what the model says, and put controls and intervals beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.ask.scored.asking import Progress, ask
from vulnscope.ask.scored.preparation import Prepared, prepare
from vulnscope.ask.scored.requests import Requests
from vulnscope.ask.selection import check_selection, open_protocol, prepare_selected
from vulnscope.audit.config import AuditConfig
from vulnscope.audit.ordinary import describe_source
from vulnscope.audit.record import Asked, Beside, ProtocolInfo, join_items, make_record
from vulnscope.corpora import Corpus
from vulnscope.corpora.ordinary import OrdinaryCode
from vulnscope.models import Subject, measure_noise_floor
from vulnscope.records.audit import AuditRecord

if TYPE_CHECKING:
    from vulnscope.records.base import Number
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
    n_asked = len(prepared.samples)
    beside = None
    if background is not None and ordinary is not None:
        functions = join_items(ordinary.samples, rows[n_asked:], background.corpus)
        beside = Beside(functions, describe_source(background, config, ordinary.left_out))
    return make_record(
        Asked(prepared.samples, rows[:n_asked], prepared.left_out),
        subject.info(noise_floor).model_copy(update={"chat_template": protocol.is_chat}),
        ProtocolInfo(
            protocol.name, tuple(prompt.name for prompt in protocol.prompts.prompts), protocol.canonical_text()
        ),
        corpus,
        config,
        run,
        baseline_corpus=baseline_corpus,
        beside=beside,
        command=command,
    )


def join_prepared(one: Prepared, other: Prepared) -> Prepared:
    """Both to be asked in one run, `one` first; what was left out is that of `one`."""
    return Prepared(
        samples=(*one.samples, *other.samples),
        cuts=(*one.cuts, *other.cuts),
        requests=Requests((*one.requests.packed, *other.requests.packed)),
        left_out=one.left_out,
    )


def check_audit(corpus: Corpus, config: AuditConfig) -> None:
    """Raise `InputError` where `config` cannot be carried out on `corpus`, before a model is opened or a run made."""
    check_selection(corpus, config)


def _measure_noise(subject: Subject, prepared: Prepared) -> Number:
    shortest = sorted(range(len(prepared.samples)), key=lambda i: prepared.requests.packed[i].n_tokens[0])
    return measure_noise_floor(subject, [prepared.requests[i] for i in shortest[:_N_NOISE_REQUESTS]])
