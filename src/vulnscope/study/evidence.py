"""The figures of a diagnosis, from finished stages: what was said, item by item, and what the probe found.

Pure: rows and figures in, evidence out; the simulations of planted truths run exactly this.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from vulnscope.ask.figures.paired_scores import ScoreTable, measure_auroc, measure_difference, measure_pair_rank
from vulnscope.records.base import Estimate, Number
from vulnscope.study.record import ChangeEvidence, Evidence, SliceApart
from vulnscope.study.surface import measure_given_surface, measure_sizes
from vulnscope.study.thresholds import measure_threshold

if TYPE_CHECKING:
    from vulnscope.corpora import Corpus, Sample
    from vulnscope.records.audit import Slice
    from vulnscope.records.probe import Claim, ProbeRecord
    from vulnscope.records.rows import VerdictRow
    from vulnscope.stats import Bootstrap


class Audited(Protocol):
    """What was said, over all and by slice."""

    @property
    def overall(self) -> Slice:
        """All samples."""

    @property
    def slices(self) -> tuple[Slice, ...]:
        """Its parts."""


class Told(NamedTuple):
    """What was said of each labelled sample: its margin, and whether the greedy answer is right."""

    samples: tuple[Sample, ...]
    margins: np.ndarray
    is_right: np.ndarray
    items: ScoreTable

    @classmethod
    def of(cls, rows: Sequence[VerdictRow], corpus: Corpus) -> Told:
        """The labelled samples of `corpus` that `rows` are about."""
        by_id = {sample.id: sample for sample in corpus.samples}
        asked = [row for row in rows if by_id[row.sample].label != "unlabelled"]
        samples = [by_id[row.sample] for row in asked]
        is_right = [row.says == sample.label for row, sample in zip(asked, samples, strict=True)]
        return cls(
            tuple(samples),
            np.array([row.margin for row in asked]),
            np.array(is_right),
            ScoreTable.of(samples, dict(corpus.groups)),
        )


class Known(NamedTuple):
    """What the probe found."""

    probe: Estimate
    rule: Estimate
    rule_name: str
    over_rule: Estimate
    detectable: Number
    decodable: Claim
    gap: Estimate

    @classmethod
    def of(cls, record: ProbeRecord) -> Known:
        """The figures of a finished probing."""
        rule = record.leading_rule
        return cls(
            probe=record.probe.auroc,
            rule=rule.auroc,
            rule_name=rule.name,
            over_rule=record.difference,
            detectable=record.detectable_difference,
            decodable=record.decodable,
            gap=record.gap,
        )


def gather_evidence(
    audited: Audited, known: Known, told: Told, changes: tuple[ChangeEvidence, ...], bootstrap: Bootstrap
) -> Evidence:
    """All figures; `told` holds the samples that the probe was measured on."""
    margins, items = told.margins, told.items
    gain = measure_threshold(margins, told.is_right, items, bootstrap, seed=bootstrap.seed)
    return Evidence(
        says=measure_auroc(margins, items, bootstrap),
        says_given_surface=measure_given_surface(margins, measure_sizes(told.samples), items, seed=bootstrap.seed),
        pair_rank=measure_pair_rank(margins, items, bootstrap),
        yes_rate=audited.overall.yes_rate,
        accuracy=gain.as_is,
        threshold_accuracy=gain.cut,
        threshold_gain=gain.gain,
        threshold=gain.threshold,
        probe=known.probe,
        baseline=known.rule,
        baseline_name=known.rule_name,
        over_baseline=known.over_rule,
        decodable=known.decodable,
        gap=known.gap,
        detectable=known.detectable,
        changes=changes,
        apart=_list_apart(audited),
    )


def _list_apart(audited: Audited) -> tuple[SliceApart, ...]:
    """CWEs and languages that differ from the rest, the surest first."""
    found, overall = [], audited.overall
    for part in audited.slices:
        if part.kind != "cwe" and part.kind != "language":
            continue
        if part.is_apart_in_yes_rate:
            p = float(part.yes_rate_apart_p)
            found.append(
                SliceApart(
                    kind=part.kind,
                    value=part.value,
                    figure="yes-rate",
                    own=part.yes_rate,
                    overall=overall.yes_rate,
                    p=p,
                )
            )
        if part.is_apart_in_auroc:
            p = float(part.auroc_apart_p)
            found.append(
                SliceApart(kind=part.kind, value=part.value, figure="says", own=part.auroc, overall=overall.auroc, p=p)
            )
    return tuple(sorted(found, key=lambda each: (each.p, -abs(float(each.own.value) - float(each.overall.value)))))


def measure_change(kind: str, rows: Sequence[VerdictRow], corpus: Corpus, bootstrap: Bootstrap) -> ChangeEvidence:
    """AUROC of the same samples before and after."""
    by_id = {row.sample: row.margin for row in rows}
    samples = [
        sample
        for sample in corpus.samples
        if sample.augmentation and sample.id in by_id and sample.augmentation.base_id in by_id
    ]
    items = ScoreTable.of(samples, dict(corpus.groups))
    after = np.array([by_id[sample.id] for sample in samples])
    before = np.array([by_id[sample.augmentation.base_id or ""] for sample in samples if sample.augmentation])
    return ChangeEvidence(
        kind=kind,
        n=len(samples),
        before=measure_auroc(before, items, bootstrap),
        after=measure_auroc(after, items, bootstrap),
        lost=measure_difference(before, after, items, bootstrap)[0],
    )
