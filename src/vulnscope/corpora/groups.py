"""Groups: samples that are not independent of each other (MEASURES, "Groups and intervals").

A group is a connected component over shared group keys, pairs, and code that is equal but for white space. Splits,
folds and intervals all go by group.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from vulnscope.corpora.samples import Sample
from vulnscope.records.base import digest_text

SEALED = "group:"
"""Prefix of the key that holds a group's id once the whole corpus is known."""

# An id should speak: a commit or scenario rather than the pair or copy that joined two of them.
_LEAST_TELLING = ("pair", "sample", "near", "copy")


def connect_groups(samples: Sequence[Sample]) -> dict[str, str]:
    """Group id of every sample id. The id is the most telling of the group's keys, the first by name.

    It does not depend on the order of the samples, and for samples of a sealed corpus not on which of them are given.
    """
    forest = DisjointSets()
    keys = {sample.id: _keys(sample) for sample in samples}
    for sample_keys in keys.values():
        for key in sample_keys:
            forest.join(sample_keys[0], key)
    members: dict[str, list[str]] = {}
    for key in dict.fromkeys(key for sample_keys in keys.values() for key in sample_keys):
        members.setdefault(forest.find(key), []).append(key)
    names = {root: _name_group(group) for root, group in members.items()}
    return {sample_id: names[forest.find(sample_keys[0])] for sample_id, sample_keys in keys.items()}


def seal_groups(samples: Sequence[Sample], links: Mapping[str, str] | None = None) -> tuple[Sample, ...]:
    """The samples with their group's id among their keys, so that any selection of them keeps these groups.

    `links` adds one more key per sample id, e.g. that of its near-duplicates.
    """
    linked = [_add_key(sample, links[sample.id]) if links and sample.id in links else sample for sample in samples]
    groups = connect_groups(linked)
    return tuple(_add_key(sample, SEALED + groups[sample.id]) for sample in linked)


class DisjointSets:
    """Union-find over strings, with path halving."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}

    def find(self, item: str) -> str:
        """The one item that stands for the set of `item`."""
        parents = self._parents
        while (parent := parents.setdefault(item, item)) != item:
            parents[item] = parents[parent]
            item = parents[parent]
        return item

    def join(self, one: str, other: str) -> None:
        """Make one set of two."""
        self._parents[self.find(other)] = self.find(one)


def _keys(sample: Sample) -> list[str]:
    pair = [] if sample.pair_id is None else [f"pair:{sample.pair_id}"]
    copy = digest_text("".join(sample.code.split()))
    return [*sample.group_keys, *pair, f"copy:{copy}", f"sample:{sample.id}"]


def _name_group(keys: Iterable[str]) -> str:
    ordered = sorted(keys, key=_rank)
    sealed = [key.removeprefix(SEALED) for key in ordered if key.startswith(SEALED)]
    return sealed[0] if sealed else ordered[0]


def _rank(key: str) -> tuple[int, str]:
    kind = key.partition(":")[0]
    return (_LEAST_TELLING.index(kind) + 1 if kind in _LEAST_TELLING else 0), key


def _add_key(sample: Sample, key: str) -> Sample:
    if key in sample.group_keys:
        return sample
    return sample.model_copy(update={"group_keys": (*sample.group_keys, key)})
