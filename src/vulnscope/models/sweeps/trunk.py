"""The unedited run of a batch of prompts, from which every edited one branches off.

Each distinct token runs once. What is kept: keys and values of all tokens, hidden states at the sites asked for and
only from the first edited token on, and what the model says unedited.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vulnscope.models.forward.cache import TokenPool
from vulnscope.models.forward.call_cutting import Limits, cut_calls
from vulnscope.models.forward.call_prices import costs_of
from vulnscope.models.forward.head import reading_head
from vulnscope.models.forward.hooks import Site, Tap, tapped
from vulnscope.models.forward.prefix import Forest, plant_forest
from vulnscope.models.forward.rows import Row, stack_rows
from vulnscope.models.forward.tree_forward import NextToken, Read, answer_reads

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from vulnscope.models.subject.subject import Subject
    from vulnscope.models.sweeps.answer_tree import AnswerTree


@dataclass(frozen=True, eq=False)
class Trunk:
    """What is known of the unedited trees.

    `slots[t][node]` is where keys and values of a node lie in the pool; `states[site][kept[slot]]` is its hidden state,
    where it was kept (else -1), in the dtype that flows there. `clean[t]` is what the model says at each node read.
    """

    pool: TokenPool
    slots: tuple[Int[Tensor, " n_nodes"], ...]
    kept: Int[Tensor, " n_slots"]
    states: dict[Site, Float[Tensor, "n_kept d_model"]]
    clean: tuple[dict[int, NextToken], ...]

    def state_rows(self, tree: int, nodes: Int[Tensor, " n"]) -> Int[Tensor, " n"]:
        """Rows of `states` that belong to nodes of a tree."""
        return self.kept[self.slots[tree][nodes]]


@torch.inference_mode()
def run_trunk(
    subject: Subject,
    trees: Sequence[AnswerTree],
    first_kept: Sequence[int],
    sites: Sequence[Site],
    limits: Limits,
    *,
    is_shared: bool,
) -> Trunk:
    """Run `trees` unedited; of tree t keep the hidden states at `sites` of nodes from `first_kept[t]` on."""
    costs = costs_of(subject)
    sequences = [tuple(tree.tokens[node] for node in path) for tree in trees for path in tree.paths]
    forest = plant_forest(sequences, costs.pays if is_shared else lambda *_: False)
    run = _Run(subject, trees, forest, is_shared)
    trunk = run.empty_trunk(first_kept)
    n_reads = [len(asked) for asked in run.asked]
    for level in forest.levels():
        for call in cut_calls(forest.nodes, level, n_reads, costs, limits):
            run.fill(trunk, call, sites)
    return trunk


class _Run:
    """How the trees lie in the forest: a slot for each of its tokens, and who asks what after which of them."""

    def __init__(self, subject: Subject, trees: Sequence[AnswerTree], forest: Forest, is_shared: bool) -> None:
        self.subject, self.trees, self.forest, self.is_shared = subject, trees, forest, is_shared
        self.starts = [0, *accumulate(len(node.tokens) for node in forest.nodes)]
        self.asked: list[dict[int, dict[tuple[int, int], None]]] = [{} for _ in forest.nodes]
        for number, (tree, path) in enumerate(self._paths()):
            for position, node in enumerate(path):
                if node in trees[tree].reads:
                    home, offset = forest.locate(number, position)
                    self.asked[home].setdefault(offset, {})[tree, node] = None

    def empty_trunk(self, first_kept: Sequence[int]) -> Trunk:
        """The trunk before anything has run."""
        slots = [torch.zeros(len(tree.tokens), dtype=torch.long) for tree in self.trees]
        for number, (tree, path) in enumerate(self._paths()):
            slots[tree][list(path)] = self._chain(self.forest.leaf_of[number])[: len(path)]
        is_kept = torch.zeros(self.starts[-1], dtype=torch.bool)
        for places, first in zip(slots, first_kept, strict=True):
            is_kept[places[first:]] = True
        return Trunk(
            pool=TokenPool(self.starts[-1]),
            slots=tuple(slots),
            kept=torch.where(is_kept, is_kept.cumsum(0) - 1, -1),
            states={},
            clean=tuple({} for _ in self.trees),
        )

    def fill(self, trunk: Trunk, call: Sequence[int], sites: Sequence[Site]) -> None:
        """Run nodes `call` of the forest together; keep their keys, values and states, and answer what is asked."""
        subject = self.subject
        inputs = stack_rows([self._row(number) for number in call], subject.device, subject.dtype)
        asked = [(row, *item) for row, number in enumerate(call) for item in self.asked[number].items()]
        rows, columns = torch.tensor([item[:2] for item in asked], dtype=torch.long).reshape(-1, 2).to(subject.device).T
        with (
            tapped(subject.model, subject.architecture, self._taps(trunk, call, sites)),
            reading_head(subject.model, rows, columns),
        ):
            logits = inputs.run(subject.model, subject.architecture, trunk.pool)[0]
        reads = [Read(0, 0, self._wanted(who)) for _, _, who in asked]
        for (_, _, who), read, found in zip(asked, reads, answer_reads(logits, reads) if reads else [], strict=True):
            for tree, node in who:
                trunk.clean[tree][node] = _narrow(found, read.tokens, self.trees[tree].reads[node])

    def _paths(self) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Every path of every tree, in the order of the forest's sequences."""
        return ((number, path) for number, tree in enumerate(self.trees) for path in tree.paths)

    def _own(self, number: int) -> Int[Tensor, " n"]:
        return torch.arange(self.starts[number], self.starts[number + 1])

    def _chain(self, number: int) -> Int[Tensor, " n"]:
        """Slots from the first token of a node's sequence to the node's last."""
        return torch.cat([self._own(part) for part in (*self.forest.ancestry(number), number)])

    def _row(self, number: int) -> Row:
        node, chain = self.forest.nodes[number], self._chain(number)
        return Row(
            tokens=torch.tensor(node.tokens),
            positions=torch.arange(node.start, node.end),
            past=chain[: node.start],
            own=chain[node.start :] if self.is_shared else None,
        )

    def _taps(self, trunk: Trunk, call: Sequence[int], sites: Sequence[Site]) -> dict[Site, Tap]:
        """Taps that store the states to be kept."""
        kept = [trunk.kept[self._own(number)] for number in call]
        places = [(row, int(column)) for row, targets in enumerate(kept) for column in (targets >= 0).nonzero()]
        if not places:
            return {}
        rows, columns = torch.tensor(places, device=self.subject.device).T
        targets = torch.cat([targets[targets >= 0] for targets in kept]).to(self.subject.device)

        n_kept = int(trunk.kept.max()) + 1

        def keep(site: Site) -> Tap:
            def tap(hidden: Float[Tensor, "batch seq d_model"]) -> None:
                if site not in trunk.states:
                    trunk.states[site] = hidden.new_empty(n_kept, hidden.shape[-1])
                trunk.states[site][targets] = hidden[rows, columns]

            return tap

        return {site: keep(site) for site in sites}

    def _wanted(self, who: Mapping[tuple[int, int], None]) -> tuple[int, ...]:
        """All tokens asked for at one place."""
        return tuple(dict.fromkeys(token for tree, node in who for token in self.trees[tree].reads[node]))


def _narrow(found: NextToken, given: Sequence[int], wanted: Sequence[int]) -> NextToken:
    """The answer for some of the tokens read at a place that several trees share."""
    table = dict(zip(given, found.log_probs, strict=True))
    return NextToken(tuple(table[token] for token in wanted), found.top_tokens, found.top_log_prob)
