"""The audit: ask every sample, measure what the model says, and put controls and intervals beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.ask.asking import Progress, ask
from vulnscope.ask.preparing import check_selection
from vulnscope.audit.answerers import LocalModel
from vulnscope.audit.figures.judgement import Case
from vulnscope.audit.figures.record import AskedSamples, Beside, join_items, make_record
from vulnscope.audit.words import is_in_words, plan_in_words
from vulnscope.audit.yes_no import YesNoAudit, plan_yes_no
from vulnscope.records.audit import AuditForecast, AuditRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from vulnscope.audit.config import AuditConfig
    from vulnscope.audit.plan import AuditPlan, Put
    from vulnscope.audit.words import FindFolder
    from vulnscope.corpora import Corpus
    from vulnscope.corpora.ordinary import OrdinaryCode
    from vulnscope.models import Subject
    from vulnscope.store import AnswerCache, Run


def plan_audit(corpus: Corpus, config: AuditConfig, find_folder: FindFolder, *, is_remote: bool) -> AuditPlan:
    """What `config` asks of `corpus`; raises `InputError` where that cannot be, before a model is opened."""
    if is_in_words(config, is_remote=is_remote):
        return plan_in_words(corpus, config, find_folder)
    return plan_yes_no(corpus, config)


def carry_out(put: Put, run: Run, case: Case, progress: Progress | None = None) -> AuditRecord:
    """What the model says to which the questions are `put`, with controls and intervals.

    Rows already in `run` are not asked again. `progress` receives (rows done, rows in all). Neither result nor report
    is written: the caller does.
    """
    subject = put.describe()
    samples, rows, n = put.inquiry.samples, ask(put.inquiry, run, progress), put.n_asked
    beside = None
    if put.ordinary is not None:
        beside = Beside(join_items(samples[n:], rows[n:], put.ordinary.corpus), put.ordinary.source)
    return make_record(AskedSamples(samples[:n], rows[:n], put.left_out), subject, put.protocol, case, beside)


def run_audit(
    subject: Subject,
    corpus: Corpus,
    config: AuditConfig,
    run: Run,
    *,
    baseline_corpus: Corpus | None = None,
    background: OrdinaryCode | None = None,
    cache: AnswerCache | None = None,
    progress: Progress | None = None,
) -> AuditRecord:
    """What `subject` says about `corpus` in yes and no, as `carry_out` finds it.

    Answers in `cache` are not asked again. `background` is what `load_background` found. Raises `InputError` when
    nothing is left to ask.
    """
    plan = YesNoAudit(corpus, config, check_selection(corpus, config), background)
    put = plan.seat(LocalModel(subject, cache)).put(run.path)
    return carry_out(put, run, Case(corpus, config, run, baseline_corpus), progress)


def estimate_audit(
    subject: Subject,
    corpus: Corpus,
    config: AuditConfig,
    clock: Callable[[], float],
    background: OrdinaryCode | None = None,
) -> AuditForecast:
    """What `run_audit` would do with these arguments; asks one batch to time it by `clock`, in seconds."""
    plan = YesNoAudit(corpus, config, check_selection(corpus, config), background)
    return plan.estimate(LocalModel(subject), clock)


def check_audit(corpus: Corpus, config: AuditConfig) -> None:
    """Raise `InputError` where `config` cannot be carried out on `corpus`, before a model is opened or a run made."""
    check_selection(corpus, config)
