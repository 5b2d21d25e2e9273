"""What gives the labels of a corpus away without any understanding of code (MEASURES, "Leaks")."""

from __future__ import annotations

from pydantic import Field

from vulnscope.records.base import Estimate, Record


class Link(Record):
    """Two samples that are the same code, or nearly."""

    one: str
    other: str
    jaccard: float = Field(ge=0, le=1, description="of token 5-shingles; 1 for copies that differ in white space only")


class SharedOrigin(Record):
    """Commits, CVEs and the like that stand on both sides."""

    kind: str = Field(description="commit, cve, scenario, template, ...")
    n_left: int = Field(description="different ones on the left side")
    n_right: int = Field(description="different ones on the right side")
    n_shared: int
    examples: tuple[str, ...] = ()


class Overlap(Record):
    """What two splits of a corpus, or two corpora, have in common."""

    left: str
    right: str
    n_left: int = Field(description="samples on the left side")
    n_right: int = Field(description="samples on the right side")
    n_exact: int = Field(description="samples on the right with a copy on the left, white space aside")
    n_near: int = Field(description="samples on the right with a near-duplicate on the left, copies among them")
    n_leaks: int = Field(description="connected components of near-duplicates that stand on both sides")
    origins: tuple[SharedOrigin, ...] = ()
    examples: tuple[Link, ...] = Field(default=(), description="the first few links across")

    @property
    def is_leak(self) -> bool:
        """Whether anything is shared."""
        return self.n_near > 0 or any(origin.n_shared for origin in self.origins)


class Repetition(Record):
    """Copies and near-duplicates anywhere in the corpus; twins of one pair do not count."""

    n_exact: int = Field(description="samples that have a copy")
    n_near: int = Field(description="samples that have a near-duplicate, copies among them")
    n_components: int
    n_mixed_labels: int = Field(description="copies that one pair calls vulnerable and another sample fixed")
    largest: int = Field(description="samples of the largest component")


class LabelWord(Record):
    """A word that speaks of the label, found in code or comments."""

    word: str
    n_vulnerable: int = Field(description="vulnerable samples that hold it")
    n_fixed: int = Field(description="fixed samples that hold it")


class SurfaceRule(Record):
    """How far a rule gets that reads no meaning; out of group, in every case."""

    name: str
    trained_on: str | None
    auroc: Estimate
    pair_rank: Estimate


class LeakRecord(Record):
    """The leak audit of one corpus."""

    corpus: str
    version: str
    content_digest: str
    n_samples: int
    n_pairs: int
    n_groups: int
    splits: dict[str, int] = Field(description="samples by the publisher's split")
    within: Repetition
    overlaps: tuple[Overlap, ...] = Field(description="between published splits, then with other corpora")
    label_words: tuple[LabelWord, ...]
    surface: tuple[SurfaceRule, ...]
    seed: int
    findings: tuple[str, ...] = Field(description="what a reader must know, one sentence each; () where clean")
