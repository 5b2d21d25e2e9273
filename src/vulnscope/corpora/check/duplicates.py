"""Near-duplicates: samples whose token 5-shingles have an exact Jaccard similarity of 0.8 or more (MEASURES, "Leaks").

Candidates come from prefix filtering (Chaudhuri, Ganti, Kaushik 2006; Bayardo, Ma, Srikant 2007, "Scaling up all pairs
similarity search"): with shingles ordered from rare to frequent, two sets with similarity t must share a shingle among
the first n - ceil(t n) + 1 of each. Deviation from MEASURES: no MinHash, since this proposes every true candidate.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

from vulnscope.corpora.groups import DisjointSets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vulnscope.corpora.samples import Sample

SHINGLE_TOKENS = 5
THRESHOLD = 0.8
_TOKEN = re.compile(r"\w+|[^\w\s]")


class NearDuplicate(NamedTuple):
    """Two samples of different pairs and how alike they are, in [0, 1]."""

    one: str
    other: str
    jaccard: float


def find_near_duplicates(samples: Sequence[Sample], threshold: float = THRESHOLD) -> tuple[NearDuplicate, ...]:
    """All near-duplicates in order of appearance; the twins of one pair do not count.

    Code of fewer than five tokens is one shingle of its own.
    """
    vocabulary: dict[str, int] = {}
    shingles = [
        frozenset(vocabulary.setdefault(text, len(vocabulary)) for text in shingle(sample.code)) for sample in samples
    ]
    frequency = Counter(item for items in shingles for item in items)
    index: defaultdict[int, list[int]] = defaultdict(list)
    found = []
    for number, items in enumerate(shingles):
        rare_first = sorted(items, key=lambda item: (frequency[item], item))
        prefix = rare_first[: len(items) - math.ceil(threshold * len(items)) + 1]
        candidates = {other for item in prefix for other in index[item]}
        for other in sorted(candidates):
            if samples[other].pair_id is not None and samples[other].pair_id == samples[number].pair_id:
                continue
            jaccard = _jaccard(items, shingles[other], threshold)
            if jaccard >= threshold:
                found.append(NearDuplicate(samples[other].id, samples[number].id, jaccard))
        for item in prefix:
            index[item].append(number)
    return tuple(found)


def link_near_duplicates(samples: Sequence[Sample], threshold: float = THRESHOLD) -> dict[str, str]:
    """A group key per sample id that has near-duplicates, the same for all that hang together."""
    forest = DisjointSets()
    links = find_near_duplicates(samples, threshold)
    for link in links:
        forest.join(*sorted((forest.find(link.one), forest.find(link.other))))
    return {sample_id: f"near:{forest.find(sample_id)}" for link in links for sample_id in (link.one, link.other)}


def shingle(code: str) -> frozenset[str]:
    """All runs of five tokens; words, numbers and signs are tokens, white space is none."""
    tokens = _TOKEN.findall(code)
    n_runs = max(1, len(tokens) - SHINGLE_TOKENS + 1)
    return frozenset(" ".join(tokens[start : start + SHINGLE_TOKENS]) for start in range(n_runs))


def _jaccard(one: frozenset[int], other: frozenset[int], threshold: float) -> float:
    if min(len(one), len(other)) < threshold * max(len(one), len(other)):
        return 0.0
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)
