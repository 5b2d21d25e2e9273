"""What the pages of all kinds say alike: on which model and corpus, what was left out, and how to do it again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Protocol

from vulnscope.records.audit import CorpusInfo, LeftOut, SubjectInfo
from vulnscope.report.format import format_number
from vulnscope.report.page import Code, Fact, Fold, Page, Section, Text
from vulnscope.report.view import is_synthetic


class Made(Protocol):
    """A record that says how it was made."""

    @property
    def command(self) -> str:
        """How it was called; empty from Python."""

    @property
    def config(self) -> Mapping[str, object]:
        """The resolved settings."""

    @property
    def versions(self) -> Mapping[str, str]:
        """Versions by package."""

    @property
    def run(self) -> str:
        """The run that holds it."""


class Found(Made, Protocol):
    """A record of what was found about one model on one corpus."""

    @property
    def sentence(self) -> str:
        """What was found."""

    @property
    def subject(self) -> SubjectInfo:
        """The model."""

    @property
    def corpus(self) -> CorpusInfo:
        """The code."""


def make_page(
    record: Found, kind: str, title: str, facts: Sequence[Fact], sections: Sequence[Section], *, is_soft: bool = False
) -> Page:
    """The page of what was found about one model on one corpus: these first, and how to do it again last."""
    return Page(
        title=title,
        kind=kind,
        sentence=record.sentence,
        facts=(describe_model("Model", record.subject), describe_corpus(record.corpus), *facts),
        sections=(*sections, reproduce(record)),
        notes=record.subject.prompt_notes,
        is_soft=is_soft,
    )


def describe_model(name: str, subject: SubjectInfo, shown: str | None = None) -> Fact:
    """A model as a fact; `shown` is its name where that needs more to be told apart."""
    size = "" if subject.n_parameters is None else f", {subject.n_parameters:,} parameters"
    return Fact(name, shown or subject.name, f"{subject.architecture}{size}, {subject.dtype} on {subject.device}")


def describe_corpus(corpus: CorpusInfo) -> Fact:
    """A corpus as a fact."""
    made = "generated code, " if is_synthetic(corpus) else ""
    return Fact(
        "Corpus",
        corpus.name,
        f"{made}{corpus.n_samples:,} samples in {corpus.n_pairs:,} pairs and {corpus.n_groups:,} groups, grouped "
        f"{corpus.grouping}{weigh_groups(corpus)}",
    )


def weigh_groups(corpus: CorpusInfo) -> str:
    """By how many the groups count where they differ in size, and how many samples have none to be ranked against."""
    effective, largest, unranked = corpus.n_effective_groups, corpus.largest_group_share, corpus.unranked_share
    said = ""
    if effective is not None and largest is not None and corpus.n_groups - effective >= 0.05:
        share = format_number(largest, "rate")
        said = f", which count as {effective:.1f} of one size (the largest holds {share} of the samples)"
    if unranked:
        share = format_number(unranked, "rate")
        said += f"; {share} of the samples are alone in their CWE and language, and no AUROC counts them"
    return said


def count_left_out(parts: Sequence[LeftOut]) -> list[str]:
    """A line per reason."""
    return [f"{part.n:,} samples: {part.reason}" for part in parts]


def reproduce(record: Made) -> Section:
    """The command, the resolved settings and the versions."""
    settings = json.dumps(dict(record.config), indent=2, sort_keys=True, ensure_ascii=False)
    versions = ", ".join(f"{name} {version}" for name, version in sorted(record.versions.items()))
    return Section(
        "Reproduce",
        [
            Code(record.command or "(called from Python)"),
            Fold("Settings", [Code(settings)]),
            Text(f"run {record.run}; {versions}", "hint"),
        ],
    )
