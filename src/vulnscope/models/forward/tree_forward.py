"""Runs a prefix forest level by level and reads next-token log-probabilities where asked.

Roots run as plain causal rows, padded on the right: what follows a token cannot change it, so no mask is needed.
Deeper nodes run over the gathered keys and values of their ancestors. Sibling leaves, such as several questions about
one sample, share a row where that is proven and cheaper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import torch

from vulnscope.errors import SubjectError
from vulnscope.models.forward.cache import ForkedCache, TokenPool
from vulnscope.models.forward.call_cutting import Limits, cut_calls
from vulnscope.models.forward.call_layout import Call, announcing
from vulnscope.models.forward.call_prices import CallPrices
from vulnscope.models.forward.forward import run_model
from vulnscope.models.forward.head import reading_head
from vulnscope.models.forward.packing import see_apart
from vulnscope.models.forward.prefix import TOKEN_BITS, Node
from vulnscope.models.forward.rows import Row, stack_rows

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor
    from transformers import PreTrainedModel

    from vulnscope.models.forward.architecture import Architecture
    from vulnscope.models.forward.prefix import Forest


# Logits are reduced in slices of about this size, which stay in a core's cache from pass to pass.
_CACHED_BYTES = 1 << 20


@dataclass(frozen=True)
class Read:
    """A question to the model: how likely are `tokens` right after position `offset` of node number `node`?"""

    node: int
    offset: int
    tokens: tuple[int, ...]


@dataclass(frozen=True)
class NextToken:
    """The answer to a `Read`: log-probabilities in nats, and the most likely token, or all that tie exactly for it.

    Of more than `MAX_TIED` tokens that tie, the first so many are named.
    """

    log_probs: tuple[float, ...]
    top_tokens: tuple[int, ...]
    top_log_prob: float


MAX_TIED = 64
"""More tokens than any answer has spellings; a head of zeros ties the whole vocabulary."""

Pack = tuple[int, ...]
"""Numbers of the nodes that share one row: one, or leaves of one parent."""


@torch.inference_mode()
def run_forest(
    model: PreTrainedModel,
    architecture: Architecture,
    forest: Forest,
    reads: Sequence[Read],
    costs: CallPrices,
    limits: Limits,
) -> list[NextToken]:
    """Answers to `reads`, in their order."""
    reads_of: list[list[int]] = [[] for _ in forest.nodes]
    for number, read in enumerate(reads):
        reads_of[read.node].append(number)
    run = _Run(model, architecture, forest)
    answers: dict[int, NextToken] = {}
    for level in forest.levels():
        packs = pack_siblings(forest, level, [len(asked) for asked in reads_of], costs, limits)
        rows = [_as_node(forest, pack) for pack in packs]
        n_reads = [sum(len(reads_of[node]) for node in pack) for pack in packs]
        for call in _cut_apart(forest, packs, rows, n_reads, costs, limits):
            members = [packs[index] for index in call]
            asked = [number for pack in members for node in pack for number in reads_of[node]]
            answers.update(zip(asked, run.call(members, [reads[number] for number in asked]), strict=True))
    return [answers[number] for number in range(len(reads))]


def _cut_apart(
    forest: Forest,
    packs: Sequence[Pack],
    rows: Sequence[Node],
    n_reads: Sequence[int],
    costs: CallPrices,
    limits: Limits,
) -> list[list[int]]:
    """`cut_calls`, except that rows which outlast a window share no call with packed ones, whose mask knows none."""
    is_packed = any(len(pack) > 1 for pack in packs)
    is_short = [not is_packed or max(forest.nodes[i].end for i in pack) <= limits.longest_packed for pack in packs]
    sides = [[i for i, short in enumerate(is_short) if short is side] for side in (True, False)]
    return [call for side in sides if side for call in cut_calls(rows, side, n_reads, costs, limits)]


def pack_siblings(
    forest: Forest, level: Sequence[int], n_reads: Sequence[int], costs: CallPrices, limits: Limits
) -> list[Pack]:
    """Nodes of `level` as rows: leaves of one parent together as long as that is cheaper than apart."""
    packs: list[list[int]] = []
    for number in sorted(level, key=lambda i: (forest.nodes[i].parent or 0, len(forest.nodes[i].tokens), i)):
        if packs and _fits(forest, packs[-1], number, n_reads, costs, limits):
            packs[-1].append(number)
        else:
            packs.append([number])
    return [tuple(pack) for pack in packs]


def _fits(
    forest: Forest, pack: Sequence[int], number: int, n_reads: Sequence[int], costs: CallPrices, limits: Limits
) -> bool:
    """Whether node `number` may and should join `pack`."""
    node, first = forest.nodes[number], forest.nodes[pack[0]]
    if node.parent is None or node.parent != first.parent or not (node.is_leaf and first.is_leaf):
        return False
    length = sum(len(forest.nodes[i].tokens) for i in pack)
    total = length + len(node.tokens)
    is_held = total <= limits.max_tokens and sum(n_reads[i] for i in (*pack, number)) <= limits.max_reads
    apart = costs.row(node.start, length) + costs.row(node.start, len(node.tokens))
    return is_held and node.end <= limits.longest_packed and costs.row(node.start, total) <= apart


def _as_node(forest: Forest, pack: Pack) -> Node:
    """The row of `pack` as one node."""
    first = forest.nodes[pack[0]]
    tokens = tuple(token for number in pack for token in forest.nodes[number].tokens)
    return Node(tokens, first.start, first.depth, first.parent, first.is_leaf)


class _Run:
    """One pass over a forest: a pool slot for each token of each node with children."""

    def __init__(self, model: PreTrainedModel, architecture: Architecture, forest: Forest) -> None:
        self.model, self.architecture, self.forest = model, architecture, forest
        sizes = [0 if node.is_leaf else len(node.tokens) for node in forest.nodes]
        self.starts = [0, *accumulate(sizes)]
        self.pool = TokenPool(self.starts[-1])

    def call(self, packs: Sequence[Pack], reads: Sequence[Read]) -> list[NextToken]:
        """Run `packs` in one forward and answer `reads`, which ask after nodes in it."""
        model, device = self.model, self.model.device
        inputs = stack_rows([self._row(pack) for pack in packs], device, model.dtype)
        cache = None if inputs.fork is None else ForkedCache(self.pool, inputs.fork, self.architecture.n_layers)
        places = self._places(packs)
        where = torch.tensor([(places[r.node][0], places[r.node][1] + r.offset) for r in reads], dtype=torch.long)
        rows, columns = where.reshape(-1, 2).to(device).unbind(-1)
        lengths = torch.tensor([sum(len(self.forest.nodes[i].tokens) for i in pack) for pack in packs])
        holds = Call(
            inputs.positions,
            (torch.arange(inputs.tokens.shape[1]) < lengths[:, None]).to(device),
            torch.tensor([self.forest.owners[pack[0]] for pack in packs], device=device),
        )
        with reading_head(model, rows, columns), announcing(model, holds):
            logits = run_model(model, self.architecture, inputs.tokens, inputs.positions, inputs.mask, cache)
        return answer_reads(logits[0], reads) if reads else []

    def _row(self, pack: Pack) -> Row:
        nodes = [self.forest.nodes[number] for number in pack]
        keys = torch.tensor([key for node in nodes for key in node.tokens])
        path = self.forest.ancestry(pack[0])
        return Row(
            tokens=keys & ((1 << TOKEN_BITS) - 1),
            positions=torch.cat([torch.arange(node.start, node.end) for node in nodes]),
            past=torch.cat([self._slots(number) for number in path]) if path else torch.zeros(0, dtype=torch.long),
            own=None if nodes[0].is_leaf else self._slots(pack[0]),
            seen=None if len(nodes) == 1 else see_apart([len(node.tokens) for node in nodes]),
        )

    def _slots(self, number: int) -> Int[Tensor, " n"]:
        return torch.arange(self.starts[number], self.starts[number + 1])

    def _places(self, packs: Sequence[Pack]) -> dict[int, tuple[int, int]]:
        """Row and first column of each node."""
        places: dict[int, tuple[int, int]] = {}
        for row, pack in enumerate(packs):
            column = 0
            for number in pack:
                places[number] = row, column
                column += len(self.forest.nodes[number].tokens)
        return places


def answer_reads(logits: Float[Tensor, "n vocab"], reads: Sequence[Read]) -> list[NextToken]:
    """Float32 log-probabilities out of one call's logits, which it overwrites; raises `SubjectError` on NaN."""
    step = len(reads) if logits.is_cuda else max(1, _CACHED_BYTES // (4 * logits.shape[1]))
    answers: list[NextToken] = []
    for start in range(0, len(reads), step):
        answers.extend(_answer_rows(logits[start : start + step], reads[start : start + step]))
    return answers


def _answer_rows(logits: Float[Tensor, "n vocab"], reads: Sequence[Read]) -> list[NextToken]:
    """In place, and few passes: at a vocabulary of 150,000 every pass over a row costs as much as a small layer."""
    flat = [(row, token) for row, read in enumerate(reads) for token in read.tokens]
    rows, wanted = torch.tensor(flat, dtype=torch.long, device=logits.device).reshape(-1, 2).unbind(-1)
    top = logits.amax(-1, keepdim=True)
    best = (logits == top).nonzero().tolist()
    logits.sub_(top)
    picked = logits[rows, wanted]
    normaliser = logits.exp_().sum(-1).log_()
    if not bool(torch.isfinite(normaliser).all()):
        raise SubjectError("the model returned NaN or infinite logits; try --dtype float32, or another revision")
    log_probs = iter((picked - normaliser[rows]).tolist())
    top_tokens: list[list[int]] = [[] for _ in reads]
    for row, token in best:
        top_tokens[row].append(token)
    return [
        NextToken(tuple(next(log_probs) for _ in read.tokens), tuple(tokens[:MAX_TIED]), -log_normaliser)
        for read, tokens, log_normaliser in zip(reads, top_tokens, normaliser.tolist(), strict=True)
    ]
