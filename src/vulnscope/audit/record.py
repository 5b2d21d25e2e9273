"""Samples and their rows to a record; opens no model, so that stored rows are measured again without one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from vulnscope.ask.measures import Item
from vulnscope.audit.judgement import Asked as ProtocolInfo
from vulnscope.audit.judgement import judge

if TYPE_CHECKING:
    from vulnscope.audit.config import AuditConfig
    from vulnscope.corpora import Corpus, Sample
    from vulnscope.records.answers import Row
    from vulnscope.records.audit import AuditRecord, LeftOut, SubjectInfo
    from vulnscope.store import Run

__all__ = ["Asked", "ProtocolInfo", "make_record"]


class Asked(NamedTuple):
    """What was asked: samples with their code as the model saw it, their rows, and what was left out."""

    samples: Sequence[Sample]
    rows: Sequence[Row]
    left_out: tuple[LeftOut, ...]


def make_record(
    asked: Asked,
    subject: SubjectInfo,
    protocol: ProtocolInfo,
    corpus: Corpus,
    config: AuditConfig,
    run: Run,
    *,
    baseline_corpus: Corpus | None = None,
    command: str = "",
) -> AuditRecord:
    """Every figure about `asked`, with baselines and intervals."""
    pairs = zip(asked.samples, asked.rows, strict=True)
    items = [Item(sample, row, corpus.groups[sample.id], place) for place, (sample, row) in enumerate(pairs)]
    return judge(
        items,
        corpus,
        config,
        protocol,
        subject=subject,
        run=run,
        left_out=asked.left_out,
        baseline_corpus=baseline_corpus,
        command=command,
    )
