"""A batch of prompts, run once unedited and then again and again from wherever an edit begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vulnscope.models.edit.operations import Where
from vulnscope.models.forward.head import reading_head
from vulnscope.models.forward.hooks import Site, tapped
from vulnscope.models.forward.resume import resumed
from vulnscope.models.forward.tree_forward import answer_reads
from vulnscope.models.sweeps.branches import BranchCall, lay_out
from vulnscope.models.sweeps.trunk import run_trunk

if TYPE_CHECKING:
    from jaxtyping import Float

    from vulnscope.models.answer.scoring import PromptScores
    from vulnscope.models.forward.call_cutting import Limits
    from vulnscope.models.forward.tree_forward import NextToken
    from vulnscope.models.subject.shortcuts import Shortcuts
    from vulnscope.models.subject.subject import Subject
    from vulnscope.models.sweeps.answer_tree import AnswerTree

Change = Callable[[Tensor, Where], Tensor]
"""What an edit makes of vectors (n, d_model), given in float32 at least."""
Places = Sequence[Sequence[int]]
"""For each tree the nodes that an edit touches, ascending; none where it leaves the tree alone."""


@dataclass(eq=False, repr=False)
class Rerun:
    """The prompts of one batch, unedited: where every edited run of them begins.

    `numbers[t]` is what edits call tree t; `places` are all the nodes to be edited, by a key of the caller's. Hidden
    states are kept at `sites`, from the first node of any place on. `changed` holds the edits of the last run that have
    changed any activation.
    """

    subject: Subject
    trees: Sequence[AnswerTree]
    numbers: Sequence[int]
    places: Mapping[str, Places]
    sites: Sequence[Site]
    shortcuts: Shortcuts
    limits: Limits
    changed: set[int] = field(default_factory=set, init=False)
    _calls: dict[tuple[str, int], list[BranchCall]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        starts = [
            min([tree.n_prompt - 1, *(nodes[t][0] for nodes in self.places.values() if nodes[t])])
            if self.shortcuts.is_shared
            else 0
            for t, tree in enumerate(self.trees)
        ]
        self.trunk = run_trunk(
            self.subject, self.trees, starts, self.sites, self.limits, is_shared=self.shortcuts.is_shared
        )

    def clean(self, tree: int) -> PromptScores:
        """The scores of a tree unedited."""
        return self.trees[tree].score(self.trunk.clean[tree])

    @torch.inference_mode()
    def run(self, site: Site, key: str, changes: Sequence[Change]) -> list[list[PromptScores]]:
        """Scores of each tree under each of `changes`, at `site` and the places of `key`."""
        self.changed = set()
        found: list[list[dict[int, NextToken]]] = [[{} for _ in changes] for _ in self.trees]
        for call in self._lay_out(key, len(changes)):
            logits = self._call(call, site, changes)
            for (tree, edit, node), answer in zip(call.reads, answer_reads(logits, call.wanted), strict=True):
                found[tree][edit][node] = answer
        return [
            [self.trees[tree].score(read) if read else self.clean(tree) for read in per_edit]
            for tree, per_edit in enumerate(found)
        ]

    def _lay_out(self, key: str, n_edits: int) -> list[BranchCall]:
        """The calls do not depend on the site, so all sites use the same."""
        if (key, n_edits) not in self._calls:
            self._calls[key, n_edits] = lay_out(
                self.subject, self.trees, self.numbers, self.places[key], n_edits, self.trunk, self.limits,
                self.shortcuts,
            )  # fmt: skip
        return self._calls[key, n_edits]

    def _call(self, call: BranchCall, site: Site, changes: Sequence[Change]) -> Float[Tensor, "n vocab"]:
        model, architecture, resume = self.subject.model, self.subject.architecture, self.shortcuts.resume
        layer = layer_below(site)

        def tap(hidden: Tensor) -> Tensor:
            return self._change(hidden, call, changes)

        with ExitStack() as stack:
            if layer >= 0 and resume.can_start(layer):
                states = self.trunk.states[Site(layer)][call.states]
                stack.enter_context(resumed(model, architecture, resume.n_returned, layer, states))
            stack.enter_context(tapped(model, architecture, {site: tap}))
            stack.enter_context(reading_head(model, call.rows, call.columns))
            return call.inputs.run(self.subject.model, self.subject.architecture, self.trunk.pool)[0]

    def _change(self, hidden: Tensor, call: BranchCall, changes: Sequence[Change]) -> Tensor:
        """The hidden states of a call with each edit applied to its own branches."""
        hidden = hidden.clone()
        wide = torch.promote_types(hidden.dtype, torch.float32)
        for target in call.targets:
            vectors = hidden[target.rows, target.columns]
            edited = changes[target.edit](vectors.to(wide), target.where).to(hidden.dtype)
            hidden[target.rows, target.columns] = edited
            if target.edit not in self.changed and not torch.equal(edited, vectors):
                self.changed.add(target.edit)
        return hidden


def layer_below(site: Site) -> int:
    """The highest layer whose output is still unedited when an edit at `site` applies; -1 is the embedding."""
    return site.layer if site.stream == "resid_post" else site.layer - 1


def states_below(sites: Sequence[Site]) -> list[Site]:
    """Where states must be known to start again just below each of `sites`."""
    return [Site(layer) for layer in sorted({layer_below(site) for site in sites}) if layer >= 0]
