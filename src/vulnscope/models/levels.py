"""Runs a prefix forest level by level and reads next-token log-probabilities where asked.

Roots run as plain causal rows, padded on the right: what follows a token cannot change it, so no mask is needed.
Deeper nodes run over the gathered keys and values of their ancestors, with positions given and padding masked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from vulnscope.errors import SubjectError
from vulnscope.models.cache import Fork, ForkedCache, TokenPool
from vulnscope.models.calling import Call, announcing
from vulnscope.models.calls import Limits, cut_calls
from vulnscope.models.costs import Costs
from vulnscope.models.forward import run_model
from vulnscope.models.head import reading_head
from vulnscope.models.prefix import TOKEN_BITS

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor
    from transformers import PreTrainedModel

    from vulnscope.models.architecture import Architecture
    from vulnscope.models.prefix import Forest, Node


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
    """The answer to a `Read`: log-probabilities in nats, and the most likely token with whether it ties."""

    log_probs: tuple[float, ...]
    top_token: int
    top_log_prob: float
    is_tied: bool


@torch.inference_mode()
def run_forest(
    model: PreTrainedModel,
    architecture: Architecture,
    forest: Forest,
    reads: Sequence[Read],
    costs: Costs,
    limits: Limits,
) -> list[NextToken]:
    """Answers to `reads`, in their order."""
    reads_of: list[list[int]] = [[] for _ in forest.nodes]
    for number, read in enumerate(reads):
        reads_of[read.node].append(number)
    levels = [cut_calls(forest.nodes, level, [len(r) for r in reads_of], costs, limits) for level in forest.levels()]
    slots = _Slots(forest)
    answers: dict[int, NextToken] = {}
    for level in levels:
        for call in level:
            asked = [number for node in call for number in reads_of[node]]
            answered = _run_call(model, architecture, forest, call, slots, [reads[i] for i in asked])
            answers.update(zip(asked, answered, strict=True))
    return [answers[number] for number in range(len(reads))]


class _Slots:
    """Pool slots: one for each token of each node with children."""

    def __init__(self, forest: Forest) -> None:
        self.ranges: dict[int, range] = {}
        used = 0
        for number, node in enumerate(forest.nodes):
            if not node.is_leaf:
                self.ranges[number] = range(used, used + len(node.tokens))
                used += len(node.tokens)
        self.pool = TokenPool(used)


def _run_call(
    model: PreTrainedModel,
    architecture: Architecture,
    forest: Forest,
    call: Sequence[int],
    slots: _Slots,
    reads: Sequence[Read],
) -> list[NextToken]:
    nodes = [forest.nodes[number] for number in call]
    device = model.device
    tokens, positions = _rectangle(nodes)
    is_root = nodes[0].start == 0
    cache = mask = None
    if not is_root or any(not node.is_leaf for node in nodes):
        fork = _fork(forest, call, slots)
        cache = ForkedCache(slots.pool, _move(fork, device), architecture.n_layers)
        mask = None if is_root else _mask(nodes, fork.n_past, tokens.shape[1]).to(device)
    row_of = {number: row for row, number in enumerate(call)}
    rows = torch.tensor([row_of[read.node] for read in reads], dtype=torch.long, device=device)
    columns = torch.tensor([read.offset for read in reads], dtype=torch.long, device=device)
    holds = Call(
        positions.to(device),
        (torch.arange(tokens.shape[1]) < torch.tensor([len(node.tokens) for node in nodes])[:, None]).to(device),
        torch.tensor([forest.owners[number] for number in call], device=device),
    )
    with reading_head(model, rows, columns), announcing(model, holds):
        logits = run_model(model, architecture, tokens.to(device), holds.positions, mask, cache)
    return answer_reads(logits[0], reads) if reads else []


def _rectangle(nodes: Sequence[Node]) -> tuple[Tensor, Tensor]:
    """Token ids and positions of `nodes`, padded on the right with token 0."""
    width = max(len(node.tokens) for node in nodes)
    keys = torch.tensor([node.tokens + (0,) * (width - len(node.tokens)) for node in nodes])
    starts = torch.tensor([node.start for node in nodes])
    return keys & ((1 << TOKEN_BITS) - 1), starts[:, None] + torch.arange(width)


def _mask(nodes: Sequence[Node], n_past: int, width: int) -> Tensor:
    """Ones at a row's prefix (right-aligned in the past) and at its own tokens."""
    columns = torch.arange(n_past + width)
    first = torch.tensor([n_past - node.start for node in nodes])
    stop = torch.tensor([n_past + len(node.tokens) for node in nodes])
    return ((columns >= first[:, None]) & (columns < stop[:, None])).long()


def _fork(forest: Forest, call: Sequence[int], slots: _Slots) -> Fork:
    """Read and write slots of one call."""
    nodes = [forest.nodes[number] for number in call]
    n_past, width = max(node.start for node in nodes), max(len(node.tokens) for node in nodes)
    read: list[list[int]] = []
    write: list[int] = []
    written: list[int] = []
    for row, number in enumerate(call):
        if own := slots.ranges.get(number):
            write.extend(own)
            written.extend(range(row * width, row * width + len(own)))
        past = [slot for ancestor in forest.ancestry(number) for slot in slots.ranges[ancestor]]
        read.append(past[:1] * (n_past - len(past)) + past + past[:1] * width)
    return Fork(n_past, torch.tensor(read), torch.tensor(write), torch.tensor(written))


def _move(fork: Fork, device: torch.device) -> Fork:
    return Fork(fork.n_past, fork.read.to(device), fork.write.to(device), fork.written.to(device))


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
        NextToken(tuple(next(log_probs) for _ in read.tokens), tokens[0], -log_normaliser, len(tokens) > 1)
        for read, tokens, log_normaliser in zip(reads, top_tokens, normaliser.tolist(), strict=True)
    ]
