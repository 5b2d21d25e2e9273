"""How near a named weakness is to the true one on the tree of CWEs.

Neighbours count, not distance: MITRE's depth differs from branch to branch, so "two steps away" means nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, get_args

Match = Literal["exact", "parent", "child", "other", "unparsed"]
MATCHES: tuple[Match, ...] = get_args(Match)

NO_CWE = "none"
"""The answer, and the truth, "no weakness"."""


def match_cwe(truth: Collection[str], answer: str | None, parents: Mapping[str, Collection[str]]) -> Match:
    """How `answer` lies to the nearest of the true CWEs; () is the truth of fixed code, `NO_CWE` the answer to it.

    "parent": it is a parent of a true one, too general; "child": a true one is its parent, too special. `parents` maps
    a CWE to its direct parents. None is an unparsed answer.
    """
    if answer is None:
        return "unparsed"
    if answer in truth or (not truth and answer == NO_CWE):
        return "exact"
    if any(answer in parents.get(cwe, ()) for cwe in truth):
        return "parent"
    return "child" if any(cwe in truth for cwe in parents.get(answer, ())) else "other"


def share_matches(matches: Sequence[Match]) -> dict[Match, float]:
    """Share of each kind of match; they sum to 1. Empty without matches."""
    return {kind: matches.count(kind) / len(matches) for kind in MATCHES} if matches else {}
