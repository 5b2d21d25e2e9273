"""Samples and their rows to a record; opens no model, so that stored rows are measured again without one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from vulnscope.ask.figures.slices import JudgedSample
from vulnscope.audit.figures.background import measure_background
from vulnscope.audit.figures.judgement import ProtocolInfo, judge
from vulnscope.stats import Bootstrap

if TYPE_CHECKING:
    from vulnscope.audit.figures.background import Source
    from vulnscope.audit.figures.judgement import Case
    from vulnscope.corpora import Corpus, Sample
    from vulnscope.records.answers import Row
    from vulnscope.records.audit import AuditRecord, LeftOut, SubjectInfo

__all__ = ["AskedSamples", "Beside", "ProtocolInfo", "join_items", "make_record"]


class AskedSamples(NamedTuple):
    """What was asked: samples with their code as the model saw it, their rows, and what was left out."""

    samples: Sequence[Sample]
    rows: Sequence[Row]
    left_out: tuple[LeftOut, ...]


class Beside(NamedTuple):
    """Ordinary functions that were asked beside the corpus."""

    functions: Sequence[JudgedSample]
    source: Source


def join_items(samples: Sequence[Sample], rows: Sequence[Row], corpus: Corpus) -> list[JudgedSample]:
    """Samples with their rows, and their groups in `corpus`."""
    pairs = zip(samples, rows, strict=True)
    return [JudgedSample(sample, row, corpus.groups[sample.id], place) for place, (sample, row) in enumerate(pairs)]


def make_record(
    asked: AskedSamples, subject: SubjectInfo, protocol: ProtocolInfo, case: Case, beside: Beside | None = None
) -> AuditRecord:
    """Every figure about `asked`, with baselines and intervals, and about what was asked `beside` it."""
    items = join_items(asked.samples, asked.rows, case.corpus)
    record = judge(items, case, protocol, subject, asked.left_out)
    if beside is None:
        return record
    bootstrap = Bootstrap(n_draws=case.config.n_bootstrap, seed=case.config.seed)
    background = measure_background(beside.functions, items, beside.source, case.config.prevalence, bootstrap)
    return record.model_copy(update={"background": background})
