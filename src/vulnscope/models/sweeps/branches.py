"""Calls that run many edits of many prompts from the first edited token on, behind the trunk's keys and values.

A branch is one prompt under one edit. Branches of one prompt are packed into one row where the subject allows it, or
take a row each. Where rows and columns are does not depend on the layer, so the calls are laid out once for all sites.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from vulnscope.models.edit.operations import Where
from vulnscope.models.forward.call_cutting import Limits, cut_calls
from vulnscope.models.forward.call_prices import costs_of
from vulnscope.models.forward.packing import pack_copies, see_ancestors
from vulnscope.models.forward.prefix import Node
from vulnscope.models.forward.rows import Inputs, Row, stack_rows
from vulnscope.models.forward.tree_forward import Read

if TYPE_CHECKING:
    from jaxtyping import Int

    from vulnscope.models.subject.shortcuts import Shortcuts
    from vulnscope.models.subject.subject import Subject
    from vulnscope.models.sweeps.answer_tree import AnswerTree
    from vulnscope.models.sweeps.trunk import Trunk


@dataclass(frozen=True, eq=False)
class Target:
    """Where in a call one edit applies: rows, columns, and what these tokens are."""

    edit: int
    rows: Int[Tensor, " n"]
    columns: Int[Tensor, " n"]
    where: Where


@dataclass(frozen=True, eq=False)
class BranchCall:
    """One call: its inputs, which states of the trunk its tokens have, where edits apply and what is read."""

    inputs: Inputs
    states: Int[Tensor, "batch new"]
    targets: tuple[Target, ...]
    reads: tuple[tuple[int, int, int], ...]
    rows: Int[Tensor, " n_reads"]
    columns: Int[Tensor, " n_reads"]
    wanted: tuple[Read, ...]


@dataclass(frozen=True, eq=False)
class _Piece:
    """Nodes of a tree that run together for one edit, with their parents among themselves."""

    tree: int
    nodes: Int[Tensor, " n"]
    parents: tuple[int, ...]
    past: Int[Tensor, " n_past"]
    edited: tuple[int, ...]
    reads: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class _Packed:
    """A piece with the edits that run side by side in its row."""

    piece: _Piece
    edits: range

    @property
    def n_tokens(self) -> int:
        return len(self.piece.nodes) * len(self.edits)


def lay_out(
    subject: Subject,
    trees: Sequence[AnswerTree],
    numbers: Sequence[int],
    edited: Sequence[Sequence[int]],
    n_edits: int,
    trunk: Trunk,
    limits: Limits,
    shortcuts: Shortcuts,
) -> list[BranchCall]:
    """The calls that run each of `trees` under each of `n_edits` edits of its nodes `edited[t]`.

    Tree t is text number `numbers[t]`. Trees without edited nodes are left out.
    """
    packed = [
        _Packed(piece, edits)
        for index, (tree, nodes) in enumerate(zip(trees, edited, strict=True))
        if nodes
        for piece in _cut_pieces(index, tree, nodes, trunk, shortcuts)
        for edits in _chunks(n_edits, _room(piece, limits) if shortcuts.is_packed else 1)
    ]
    nodes = [Node((0,) * one.n_tokens, len(one.piece.past), 0, None, is_leaf=True) for one in packed]
    n_reads = [len(one.piece.reads) * len(one.edits) for one in packed]
    runs = cut_calls(nodes, range(len(packed)), n_reads, costs_of(subject), limits)
    return [_build_call(subject, trees, [packed[i] for i in run], numbers, trunk) for run in runs]


def _cut_pieces(
    index: int, tree: AnswerTree, edited: Sequence[int], trunk: Trunk, shortcuts: Shortcuts
) -> list[_Piece]:
    """The tree from its first edited token on; as it is where rows may hold trees, else path by path."""
    first = min(edited[0], tree.n_prompt - 1) if shortcuts.is_shared else 0
    past = trunk.slots[index][:first]
    if shortcuts.is_packed or len(tree.paths) == 1:
        paths = [tuple(range(first, len(tree.tokens)))]
    else:
        paths = [path[first:] for path in tree.paths]
    pieces, is_read = [], set()
    for path in paths:
        local = {node: i for i, node in enumerate(path)}
        reads = [node for node in tree.reads if node in local and node not in is_read]
        is_read.update(reads)
        pieces.append(
            _Piece(
                tree=index,
                nodes=torch.tensor(path),
                parents=tuple(local.get(tree.parents[node], -1) for node in path),
                past=past,
                edited=tuple(local[node] for node in edited if node in local),
                reads=tuple(local[node] for node in reads),
            )
        )
    return pieces


def _room(piece: _Piece, limits: Limits) -> int:
    """Edits side by side in one row: few enough that keys of other edits do not outnumber those of the prefix."""
    by_reads = limits.max_reads // max(1, len(piece.reads))
    return max(1, min(len(piece.past) // len(piece.nodes), limits.max_tokens // len(piece.nodes), by_reads))


def _chunks(n: int, most: int) -> list[range]:
    """`range(n)` in parts of about equal size, at most `most` each."""
    n_parts = -(-n // most)
    return [range(n * part // n_parts, n * (part + 1) // n_parts) for part in range(n_parts)]


def _build_call(
    subject: Subject, trees: Sequence[AnswerTree], packed: Sequence[_Packed], numbers: Sequence[int], trunk: Trunk
) -> BranchCall:
    rows, states = [], []
    reads, places, wanted = [], [], []
    targets: dict[int, list[tuple[int, int, int, int]]] = {}
    for row, one in enumerate(packed):
        piece, tree, n_copies = one.piece, trees[one.piece.tree], len(one.edits)
        positions = torch.tensor(tree.positions)[piece.nodes]
        is_line = n_copies == 1 and piece.parents == tuple(range(-1, len(piece.nodes) - 1))
        rows.append(
            Row(
                tokens=torch.tensor(tree.tokens)[piece.nodes].repeat(n_copies),
                positions=positions.repeat(n_copies),
                past=piece.past,
                seen=None if is_line else pack_copies(see_ancestors(piece.parents), n_copies),
            )
        )
        states.append(trunk.state_rows(piece.tree, piece.nodes).repeat(n_copies))
        for copy, edit in enumerate(one.edits):
            shift = copy * len(piece.nodes)
            for i in piece.edited:
                targets.setdefault(edit, []).append((row, shift + i, numbers[piece.tree], int(positions[i])))
            for i in piece.reads:
                node = int(piece.nodes[i])
                reads.append((piece.tree, edit, node))
                places.append((row, shift + i))
                wanted.append(Read(0, 0, tree.reads[node]))
    device = subject.device
    row_of, column_of = torch.tensor(places, device=device).T
    return BranchCall(
        inputs=stack_rows(rows, device, subject.dtype),
        states=pad_sequence(states, batch_first=True).clamp(min=0).to(device),
        targets=tuple(_target(edit, where, device) for edit, where in targets.items()),
        reads=tuple(reads),
        rows=row_of,
        columns=column_of,
        wanted=tuple(wanted),
    )


def _target(edit: int, where: Sequence[tuple[int, int, int, int]], device: torch.device) -> Target:
    rows, columns, texts, positions = torch.tensor(where, device=device).T
    return Target(edit, rows, columns, Where(texts, positions))
