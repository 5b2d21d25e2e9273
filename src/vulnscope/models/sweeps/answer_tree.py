"""One prompt and its answers as a tree of tokens: the prompt is the trunk, answers of several tokens branch off it.

Token i of the prompt is node i; every further node is an answer's token that the model must read to score the next
one. Answers share the nodes they have in common.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from vulnscope.errors import InputError
from vulnscope.models.answer.scoring import PromptScores
from vulnscope.models.text.selectors import pick, select

if TYPE_CHECKING:
    from vulnscope.models.forward.prefix import Tokens
    from vulnscope.models.forward.tree_forward import NextToken
    from vulnscope.models.text.items import TokenText
    from vulnscope.models.text.selectors import Selector


@dataclass(frozen=True, eq=False)
class AnswerTree:
    """Nodes in an order that puts parents first.

    `answers` says for each answer at which node each of its tokens is read.
    """

    item: TokenText
    tokens: tuple[int, ...]
    parents: tuple[int, ...]
    answers: tuple[tuple[tuple[int, int], ...], ...]

    @property
    def n_prompt(self) -> int:
        """Tokens of the prompt."""
        return len(self.item.tokens)

    @cached_property
    def positions(self) -> tuple[int, ...]:
        """Absolute position of each node."""
        found: list[int] = []
        for parent in self.parents:
            found.append(found[parent] + 1 if parent >= 0 else 0)
        return tuple(found)

    @cached_property
    def paths(self) -> tuple[tuple[int, ...], ...]:
        """For each leaf its nodes from the first token on."""
        inner = set(self.parents)
        return tuple(self._path(node) for node in range(len(self.tokens)) if node not in inner)

    @cached_property
    def reads(self) -> Mapping[int, tuple[int, ...]]:
        """The tokens asked for after each node that is read; the prompt's last token always is."""
        wanted: dict[int, dict[int, None]] = {self.n_prompt - 1: {}}
        for answer in self.answers:
            for node, token in answer:
                wanted.setdefault(node, {})[token] = None
        return {node: tuple(tokens) for node, tokens in wanted.items()}

    def score(self, found: Mapping[int, NextToken]) -> PromptScores:
        """The scores out of what was read at each node."""
        says = found[self.n_prompt - 1]
        per_answer = tuple(
            tuple(found[node].log_probs[self.reads[node].index(token)] for node, token in answer)
            for answer in self.answers
        )
        return PromptScores(per_answer, says.top_tokens, says.top_log_prob)

    def pick(self, selector: Selector, number: int) -> list[int]:
        """The nodes that `selector` picks; raises `InputError` naming text `number` where there are none."""
        items = [self._item(path) for path in self.paths]
        found = {
            path[i]
            for path, item in zip(self.paths, items, strict=True)
            for i in pick(item, selector, number).nonzero()[0]
        }
        if not found:
            select(items[0], selector, number)
        return sorted(found)

    def _path(self, node: int) -> tuple[int, ...]:
        path = []
        while node >= 0:
            path.append(node)
            node = self.parents[node]
        return tuple(path[::-1])

    def _item(self, path: Sequence[int]) -> TokenText:
        """The prompt with the answer tokens of one path; answers have no characters of the text."""
        n_more = len(path) - self.n_prompt
        end = len(self.item.text or "")
        return replace(
            self.item,
            tokens=tuple(self.tokens[node] for node in path),
            n_prompt=self.n_prompt,
            offsets=self.item.offsets and (*self.item.offsets, *((end, end),) * n_more),
        )


def grow_tree(item: TokenText, answers: Iterable[Tokens], number: int = 0) -> AnswerTree:
    """The tree of a prompt and its answers; raises `InputError` for an item that holds more than a prompt."""
    if item.prompt_length != len(item.tokens):
        raise InputError(f"{item.label(number)} holds an answer already; give its prompt alone")
    tokens, parents = list(item.tokens), list(range(-1, len(item.tokens) - 1))
    children: dict[tuple[int, int], int] = {}
    reads = []
    for answer in answers:
        node, where = len(item.tokens) - 1, []
        for i, token in enumerate(answer):
            where.append((node, int(token)))
            if i == len(answer) - 1:
                break
            if (node, token) not in children:
                children[node, token] = len(tokens)
                tokens.append(int(token))
                parents.append(node)
            node = children[node, token]
        reads.append(tuple(where))
    return AnswerTree(item, tuple(tokens), tuple(parents), tuple(reads))
