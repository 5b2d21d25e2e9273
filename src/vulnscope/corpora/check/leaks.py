"""Copies, near-duplicates and origins that splits or corpora share, and words in the code that name the label.

A near-duplicate has an exact Jaccard similarity of 0.8 or more on token 5-shingles; twins of one pair do not count; a
leak is a connected component that stands on two sides (MEASURES, "Leaks").
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from vulnscope.corpora.check.duplicates import NearDuplicate, find_near_duplicates
from vulnscope.corpora.groups import DisjointSets
from vulnscope.records.leaks import LabelWord, Link, Overlap, Repetition, SharedOrigin

if TYPE_CHECKING:
    from vulnscope.corpora.corpus import Corpus
    from vulnscope.corpora.samples import Sample

LABEL_WORDS = frozenset(
    (
        *("attack", "attacker", "bad", "bug", "clean", "correct", "cve", "cwe", "danger", "dangerous", "error"),
        *("exploit", "fix", "fixed", "flaw", "good", "harmful", "insecure", "issue", "malicious", "mitigation"),
        *("overflow", "patch", "patched", "safe", "safely", "sanitize", "sanitized", "secure", "securely", "unsafe"),
        *("validated", "vuln", "vulnerability", "vulnerable", "weak", "weakness"),
    )
)
"""Words that speak of a label; found as whole words, also within `snake_case` and `camelCase` names."""

WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
"""One word of a name or a comment: `goodG2B` holds "good"."""

_OWN_KEYS = ("near", "group", "copy", "sample", "pair")
_N_EXAMPLES = 5


class Side(NamedTuple):
    """One side of a comparison: a split or a whole corpus, its samples under ids that no other side has."""

    name: str
    samples: tuple[Sample, ...]


class Leaks(NamedTuple):
    """What was found."""

    within: Repetition
    overlaps: tuple[Overlap, ...]


def find_leaks(corpus: Corpus, others: Sequence[Corpus] = ()) -> Leaks:
    """Repetition within `corpus`, and overlaps between its published splits and with each of `others`."""
    own = _rename(corpus)
    near = find_near_duplicates(own.samples)
    splits = [Side(name, samples) for name, samples in _divide(own.samples).items()]
    overlaps = [_compare(left, right, near) for left, right in combinations(splits, 2)]
    for other in others:
        side = _rename(other)
        both = find_near_duplicates((*side.samples, *own.samples))
        overlaps.append(_compare(side, own, both))
    return Leaks(_repetition(own.samples, near), tuple(overlaps))


def count_label_words(samples: Iterable[Sample]) -> tuple[LabelWord, ...]:
    """Samples by label that hold each of `LABEL_WORDS`, the most uneven first; words that no sample holds left out."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for sample in samples:
        for word in find_words(sample.code) & LABEL_WORDS:
            counts[word][sample.label] += 1
    found = [LabelWord(word=word, n_vulnerable=n["vulnerable"], n_fixed=n["fixed"]) for word, n in counts.items()]
    held = [word for word in found if word.n_vulnerable or word.n_fixed]
    return tuple(sorted(held, key=lambda word: (-abs(word.n_vulnerable - word.n_fixed), word.word)))


def find_words(code: str) -> set[str]:
    """The words that names and comments are made of, in lower case."""
    return {word.lower() for word in WORD.findall(code)}


def _rename(corpus: Corpus) -> Side:
    """The corpus as a side; ids and pairs carry its name, so that those of another corpus are others."""
    prefix = f"{corpus.name}:"
    return Side(
        corpus.name,
        tuple(
            sample.model_copy(update={"id": prefix + sample.id, "pair_id": sample.pair_id and prefix + sample.pair_id})
            for sample in corpus.samples
        ),
    )


def _divide(samples: Sequence[Sample]) -> dict[str, tuple[Sample, ...]]:
    """Samples by published split, "train" first, so that the others are asked what they share with it."""
    names = {sample.split for sample in samples if sample.split is not None}
    ordered = sorted(names, key=lambda name: (name != "train", name))
    return {name: tuple(sample for sample in samples if sample.split == name) for name in ordered}


def _compare(left: Side, right: Side, near: Sequence[NearDuplicate]) -> Overlap:
    sides = {sample.id: 0 for sample in left.samples} | {sample.id: 1 for sample in right.samples}
    inside = [link for link in near if link.one in sides and link.other in sides]
    across = [link for link in inside if sides[link.one] != sides[link.other]]
    components = _connect(inside)
    on_both = [members for members in components if len({sides[member] for member in members}) == 2]
    copies = _copies((*left.samples, *right.samples))
    return Overlap(
        left=left.name,
        right=right.name,
        n_left=len(left.samples),
        n_right=len(right.samples),
        n_exact=sum(any(sides[copy] == 0 for copy in copies[sample.id]) for sample in right.samples),
        n_near=len({one for link in across for one in (link.one, link.other) if sides[one] == 1}),
        n_leaks=len(on_both),
        origins=tuple(_compare_origins(left.samples, right.samples)),
        examples=tuple(Link(one=link.one, other=link.other, jaccard=link.jaccard) for link in across[:_N_EXAMPLES]),
    )


def _compare_origins(left: Sequence[Sample], right: Sequence[Sample]) -> Iterator[SharedOrigin]:
    one, other = _origins(left), _origins(right)
    for kind in [kind for kind in one if kind in other]:
        shared = sorted(one[kind] & other[kind])
        yield SharedOrigin(
            kind=kind,
            n_left=len(one[kind]),
            n_right=len(other[kind]),
            n_shared=len(shared),
            examples=tuple(shared[:_N_EXAMPLES]),
        )


def _origins(samples: Sequence[Sample]) -> dict[str, set[str]]:
    """Commits, CVEs, scenarios, ... by kind; keys that the package adds itself are none."""
    found: dict[str, set[str]] = {}
    for sample in samples:
        for key in sample.group_keys:
            kind, _, value = key.partition(":")
            if kind not in _OWN_KEYS:
                found.setdefault(kind, set()).add(value)
    return found


def _repetition(samples: Sequence[Sample], near: Sequence[NearDuplicate]) -> Repetition:
    components = _connect(near)
    copies = _copies(samples)
    labels = {sample.id: sample.label for sample in samples}
    mixed = [one for one, same in copies.items() if {labels[one], *(labels[copy] for copy in same)} >= _OPPOSITES]
    return Repetition(
        n_exact=sum(bool(same) for same in copies.values()),
        n_near=sum(len(members) for members in components),
        n_components=len(components),
        n_mixed_labels=len(mixed),
        largest=max((len(members) for members in components), default=0),
    )


_OPPOSITES = {"vulnerable", "fixed"}


def _connect(links: Iterable[NearDuplicate]) -> list[list[str]]:
    forest = DisjointSets()
    for link in links:
        forest.join(link.one, link.other)
    members: dict[str, list[str]] = {}
    for one in dict.fromkeys(one for link in links for one in (link.one, link.other)):
        members.setdefault(forest.find(one), []).append(one)
    return list(members.values())


def _copies(samples: Sequence[Sample]) -> Mapping[str, list[str]]:
    """Per sample the others with its code, white space aside, its own twin left out."""
    by_code: dict[str, list[Sample]] = {}
    for sample in samples:
        by_code.setdefault("".join(sample.code.split()), []).append(sample)
    return {
        sample.id: [other.id for other in same if other is not sample and not _are_twins(sample, other)]
        for same in by_code.values()
        for sample in same
    }


def _are_twins(one: Sample, other: Sample) -> bool:
    return one.pair_id is not None and one.pair_id == other.pair_id
