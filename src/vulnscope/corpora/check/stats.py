"""Counting what a corpus holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from statistics import median, quantiles
from typing import TYPE_CHECKING

from vulnscope.corpora.check.problems import find_problems
from vulnscope.corpora.code.text import split_lines
from vulnscope.records.corpus import CorpusStats, Spread

if TYPE_CHECKING:
    from vulnscope.corpora.corpus import Corpus

NONE = "none"
"""Stands for a missing split, difficulty, part or CWE in the counts."""


def count_corpus(corpus: Corpus) -> CorpusStats:
    """Counts over the samples in `corpus`; rows in and out, and bad rows, are those of the source as loaded."""
    samples = corpus.samples
    return CorpusStats(
        name=corpus.name,
        version=corpus.version,
        content_digest=corpus.content_digest,
        n_samples=len(samples),
        n_pairs=len(corpus.pairs),
        n_groups=len(set(corpus.groups.values())),
        n_rows_in=corpus.n_rows_in,
        n_rows_out=corpus.n_rows_out,
        parts=_count(sample.part for sample in samples),
        labels=_count(sample.label for sample in samples),
        languages=_count(sample.language for sample in samples),
        cwes=_count(cwe for sample in samples for cwe in sample.cwes or (None,)),
        difficulties=_count(sample.difficulty for sample in samples),
        splits=_count(sample.split for sample in samples),
        licences=_count(sample.licence for sample in samples),
        characters=_spread([len(sample.code) for sample in samples]),
        lines=_spread([len(split_lines(sample.code)) for sample in samples]),
        n_noted=sum(bool(sample.notes) for sample in samples),
        notes=_count(note for sample in samples for note in sample.notes),
        problems=find_problems(samples),
        bad_rows=corpus.bad_rows,
    )


def _count(values: Iterable[str | None]) -> dict[str, int]:
    return dict(Counter(NONE if value is None else value for value in values))


def _spread(counts: list[int]) -> Spread:
    if len(counts) < 2:
        only = counts[0] if counts else 0
        return Spread(median=only, p90=only, largest=only)
    return Spread(median=median(counts), p90=quantiles(counts, n=10, method="inclusive")[-1], largest=max(counts))
