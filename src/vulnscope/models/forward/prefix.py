"""The prefix tree over all token sequences of a batch: every shared prefix is one node, computed once.

Sharing a prefix saves its tokens for every branch but the first. It costs each branch a gather of the prefix's
keys and values, and the batch another forward call. A node that saves less than it costs is dissolved into its
branches. What remains runs level by level, all nodes of one depth together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from vulnscope.prompts.family import count_shared

Tokens = tuple[int, ...]
TOKEN_BITS, LENGTH_BITS = 32, 52
"""A sequence's element holds the token id in its low bits, above them how that token is edited, and above these the
length of its row where that matters: only elements that are computed alike are equal, so that sharing stays exact."""
Pays = Callable[[int, int, Sequence[int]], bool]


@dataclass(frozen=True)
class Node:
    """A run of tokens beginning at position `start`, after those of node number `parent` (None for a root)."""

    tokens: Tokens
    start: int
    depth: int
    parent: int | None
    is_leaf: bool

    @property
    def end(self) -> int:
        """Position after the last token."""
        return self.start + len(self.tokens)


@dataclass(frozen=True)
class Forest:
    """All nodes, parents before children; for each input sequence the node holding its last token, and for each node
    an input sequence that holds all of its tokens."""

    nodes: tuple[Node, ...]
    leaf_of: tuple[int, ...]
    owners: tuple[int, ...]

    @property
    def n_tokens(self) -> int:
        """Tokens computed when every node runs once."""
        return sum(len(node.tokens) for node in self.nodes)

    def levels(self) -> list[list[int]]:
        """Node numbers by depth, roots first."""
        levels: list[list[int]] = [[] for _ in range(1 + max((node.depth for node in self.nodes), default=-1))]
        for number, node in enumerate(self.nodes):
            levels[node.depth].append(number)
        return levels

    def locate(self, sequence: int, position: int) -> tuple[int, int]:
        """Node number and offset within that node of `position` in input sequence number `sequence`."""
        number = self.leaf_of[sequence]
        while position < self.nodes[number].start:
            parent = self.nodes[number].parent
            assert parent is not None, "a root starts at position 0"
            number = parent
        return number, position - self.nodes[number].start

    def ancestry(self, number: int) -> list[int]:
        """Node numbers from the root down to `number`, itself excluded."""
        path: list[int] = []
        parent = self.nodes[number].parent
        while parent is not None:
            path.append(parent)
            parent = self.nodes[parent].parent
        return path[::-1]


@dataclass(frozen=True)
class _Branch:
    tokens: Tokens
    start: int
    children: list[_Branch] = field(default_factory=list)
    ends: list[Tokens] = field(default_factory=list)


def plant_forest(sequences: Sequence[Tokens], pays: Pays) -> Forest:
    """The prefix tree of `sequences`, equal ones merged.

    `pays(start, length, branches)` says whether `length` tokens at `start`, shared by branches of such lengths, deserve
    a node. A sequence and its only extension always share one node, whose row is read at several positions.
    """
    roots = _grow(sorted(set(sequences)), 0)
    n_nodes = 0
    while n_nodes != (n_nodes := sum(map(_count, roots))):
        # Again while something changes: a node whose parent was dissolved starts earlier and may no longer pay.
        roots = [settled for branch in roots for settled in _settle(branch, pays)]
    nodes: list[Node] = []
    leaf_of: dict[Tokens, int] = {}
    queue: list[tuple[_Branch, int | None, int]] = [(root, None, 0) for root in roots]
    for branch, parent, depth in queue:
        leaf_of.update(dict.fromkeys(branch.ends, len(nodes)))
        queue.extend((child, len(nodes), depth + 1) for child in branch.children)
        nodes.append(Node(branch.tokens, branch.start, depth, parent, not branch.children))
    leaves = tuple(leaf_of[tokens] for tokens in sequences)
    return Forest(tuple(nodes), leaves, _find_owners(nodes, leaves, sequences))


def _find_owners(nodes: Sequence[Node], leaf_of: Sequence[int], sequences: Sequence[Tokens]) -> tuple[int, ...]:
    """The longest sequence through each node: others may end inside it."""
    owners = [-1] * len(nodes)
    for sequence in sorted(range(len(sequences)), key=lambda i: -len(sequences[i])):
        number: int | None = leaf_of[sequence]
        while number is not None and owners[number] < 0:
            owners[number] = sequence
            number = nodes[number].parent
    return tuple(owners)


def count_distinct(sequences: Sequence[Tokens]) -> int:
    """Tokens left when every shared prefix is computed once: the floor of any scoring."""
    ordered = sorted(sequences)
    return sum(
        len(tokens) - count_shared(previous, tokens) for previous, tokens in zip([(), *ordered], ordered, strict=False)
    )


def _grow(group: list[Tokens], start: int) -> list[_Branch]:
    """Radix tree of `group`: sorted, distinct, longer than `start`, equal before it."""
    branches = []
    for _, members in groupby(group, key=lambda tokens: tokens[start]):
        same = list(members)
        end = count_shared(same[0], same[-1])
        is_end = len(same[0]) == end
        branch = _Branch(same[0][start:end], start, _grow(same[is_end:], end), same[:is_end])
        branches.append(branch)
    return branches


def _count(branch: _Branch) -> int:
    return 1 + sum(map(_count, branch.children))


def _settle(branch: _Branch, pays: Pays) -> list[_Branch]:
    """`branch` itself, or its branches each with its tokens in front, whichever is cheaper."""
    children = [settled for child in branch.children for settled in _settle(child, pays)]
    lengths = [len(child.tokens) for child in children]
    if not children or (len(children) > 1 and pays(branch.start, len(branch.tokens), lengths)):
        return [_Branch(branch.tokens, branch.start, children, branch.ends)]
    ends = [branch.ends, *([] for _ in children)]
    return [
        _Branch(branch.tokens + child.tokens, branch.start, child.children, first + child.ends)
        for first, child in zip(ends, children, strict=False)
    ]
