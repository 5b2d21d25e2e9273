"""Which token of one twin corresponds to which of the other, region by region.

The twins share a prefix and a suffix of equal tokens, which map one to one; what lies between is `changed`. Where it
has as many tokens in both twins they map one to one in their order. Elsewhere a diff of the tokens decides: runs of
equal tokens and replaced runs of equal length map one to one; of replaced runs of unequal length the last tokens
correspond, as many as both have, since in a causal model a run's meaning gathers at its end; tokens that only one twin
has correspond to nothing. `last` is the last token of each prompt and is not part of `suffix`.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Literal, get_args

from vulnscope.prompts.family import count_shared

Region = Literal["prefix", "changed", "suffix", "last"]
REGIONS: tuple[Region, ...] = get_args(Region)
Alignment = dict[Region, tuple[tuple[int, int], ...]]
"""Corresponding positions in the first and second twin, ascending."""


def align_twins(first: Sequence[int], second: Sequence[int]) -> Alignment:
    """The positions of each region that correspond; a region may be empty, `last` never is."""
    left, right = tuple(first), tuple(second)
    start = count_shared(left, right)
    n_suffix = count_shared(left[start:][::-1], right[start:][::-1])
    ends = len(left) - n_suffix, len(right) - n_suffix
    last = (len(left) - 1, len(right) - 1)
    shared = [(ends[0] + i, ends[1] + i) for i in range(n_suffix)]
    return {
        "prefix": tuple((i, i) for i in range(start) if (i, i) != last),
        "changed": tuple((start + i, start + j) for i, j in _match(left[start : ends[0]], right[start : ends[1]])),
        "suffix": tuple(pair for pair in shared if pair != last),
        "last": (last,),
    }


def _match(left: Sequence[int], right: Sequence[int]) -> list[tuple[int, int]]:
    if len(left) == len(right):
        return [(i, i) for i in range(len(left))]
    pairs: list[tuple[int, int]] = []
    for tag, a, b, c, d in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if tag in ("equal", "replace"):
            n = min(b - a, d - c)
            pairs.extend(zip(range(b - n, b), range(d - n, d), strict=True))
    return pairs
