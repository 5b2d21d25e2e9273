"""Activation patching between twins: what one twin computes is put into the other, at one site and region at a time.

If the answer moves towards the other twin's, the patched activations carry what tells them apart and the model uses it
(MEASURES, "Used"). Both directions run, positions aligned across the diff (`align`). The work is saved as in a sweep:
both twins run once, then each patch runs from its first token and its layer on. The region `prefix` is a control: its
tokens have seen nothing of the difference, so patching it changes nothing beyond rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from pydantic import Field

from vulnscope.errors import InputError
from vulnscope.models.answer.scoring import PromptScores
from vulnscope.models.forward.hooks import Site
from vulnscope.models.subject.sites import as_site, name_site
from vulnscope.models.sweeps.sweep_plan import (
    Work,
    WorkOptions,
    WorkPlan,
    collect_rows,
    grow_trees,
    plan_work,
    run_work,
)
from vulnscope.models.text.align import REGIONS, Alignment, Region, align_twins
from vulnscope.records.base import Record

if TYPE_CHECKING:
    from torch import Tensor

    from vulnscope.models.edit.operations import Where
    from vulnscope.models.forward.prefix import Tokens
    from vulnscope.models.subject.subject import Subject
    from vulnscope.models.sweeps.rerun import Rerun
    from vulnscope.models.text.items import TokenText

    Twin = str | Tokens | TokenText

# Text and position of a token in one number.
_POSITION_BITS = 32


class PatchRow(Record):
    """One twin with activations of the other at one site and region."""

    pair: int = Field(ge=0, description="number of the pair as given")
    into: Literal["first", "second"] = Field(description="the twin that runs; the other one's activations go in")
    site: str
    region: Region
    n_tokens: int = Field(ge=1, description="tokens patched")
    scores: PromptScores
    clean: PromptScores = Field(description="the same twin unpatched")
    source: PromptScores = Field(description="the other twin unpatched")


@dataclass(frozen=True, eq=False)
class PatchJob:
    """Patching that has been checked and planned; trees 2p and 2p + 1 are the twins of pair p."""

    work: Work
    alignments: tuple[Alignment, ...]

    @property
    def plan(self) -> WorkPlan:
        """The order of its units; a record to be stored."""
        return self.work.plan

    @property
    def left_out(self) -> tuple[tuple[int, Region], ...]:
        """Pairs and regions without corresponding tokens; they give no row."""
        regions = list(dict.fromkeys(key for key, _ in self.work.steps))
        return tuple(
            (p, r) for p, alignment in enumerate(self.alignments) for r in REGIONS if r in regions and not alignment[r]
        )

    @property
    def n_rows(self) -> int:
        """Rows when everything is done."""
        return 2 * sum(bool(alignment[r]) for alignment in self.alignments for r, _ in self.work.steps)  # type: ignore[index]


def patch(
    subject: Subject,
    pairs: Sequence[tuple[Twin, Twin]],
    answers: Sequence[Sequence[Tokens]],
    sites: Iterable[Site | str | int],
    regions: Sequence[Region] = REGIONS,
    how: WorkOptions | None = None,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[PatchRow]:
    """Scores of `answers[p]` for both twins of `pairs[p]`, each patched from the other at every site and region.

    Regions in which a pair has no corresponding tokens give no row (`PatchJob.left_out`). To store rows as they come,
    use `plan_patch` and `run_patch`.
    """
    job = plan_patch(subject, pairs, answers, sites, regions, how)
    return collect_rows(run_patch(job), job.n_rows, on_progress)


def plan_patch(
    subject: Subject,
    pairs: Sequence[tuple[Twin, Twin]],
    answers: Sequence[Sequence[Tokens]],
    sites: Iterable[Site | str | int],
    regions: Sequence[Region] = REGIONS,
    how: WorkOptions | WorkPlan | None = None,
) -> PatchJob:
    """The patching with everything checked and planned; raises before any work for what does not exist or fit."""
    unknown = [region for region in regions if region not in REGIONS]
    if unknown or not regions:
        choices = f"choose among: {', '.join(REGIONS)}"
        raise InputError(f"unknown region {unknown[0]!r}; {choices}" if unknown else f"no region given; {choices}")
    if len(answers) != len(pairs):
        raise InputError(f"there are {len(pairs)} pairs but answers for {len(answers)}; each pair needs its own")
    trees = grow_trees(subject, [twin for pair in pairs for twin in pair], [given for given in answers for _ in "12"])
    alignments = tuple(align_twins(trees[i].item.tokens, trees[i + 1].item.tokens) for i in range(0, len(trees), 2))
    for number, (left, right) in enumerate(zip(trees[::2], trees[1::2], strict=True)):
        if left.item.tokens == right.item.tokens:
            raise InputError(f"the twins of pair {number} have the same tokens; there is nothing to patch")
    places: dict[str, list[list[int]]] = {
        r: [[pair[side] for pair in alignment[r]] for alignment in alignments for side in (0, 1)] for r in regions
    }
    steps = [(region, as_site(site)) for region in regions for site in sites]
    work = plan_work(subject, trees, places, steps, how or WorkOptions(), "twins")
    return PatchJob(work, alignments)


def run_patch(
    job: PatchJob, skip: int = 0, on_backoff: Callable[[WorkPlan], None] | None = None
) -> Iterator[list[PatchRow]]:
    """The rows of each unit of the plan, without the first `skip` units: those stored already.

    Where memory runs out, calls become smaller; `on_backoff` hears the plan to repeat when resuming from there on.
    """
    return run_work(job.work, lambda batch, step: _run_step(batch, *job.work.steps[step]), skip, on_backoff)


def _run_step(batch: Rerun, region: str, site: Site) -> list[PatchRow]:
    places = batch.places[region]
    scores = batch.run(site, region, [_transplant(batch, region, site)])
    return [
        PatchRow(
            pair=number // 2,
            into="second" if number % 2 else "first",
            site=name_site(site),
            region=region,
            n_tokens=len(places[tree]),
            scores=scores[tree][0],
            clean=batch.clean(tree),
            source=batch.clean(tree ^ 1),
        )
        for tree, number in enumerate(batch.numbers)
        if places[tree]
    ]


def _transplant(batch: Rerun, region: str, site: Site) -> Callable[[Tensor, Where], Tensor]:
    """The change that puts the other twin's activations at corresponding tokens; twins are neighbours in a batch."""
    places = batch.places[region]
    keys, rows = [], []
    for tree, number in enumerate(batch.numbers):
        keys.append((number << _POSITION_BITS) + torch.tensor(places[tree], dtype=torch.long))
        rows.append(batch.trunk.state_rows(tree ^ 1, torch.tensor(places[tree ^ 1], dtype=torch.long)))
    order = torch.cat(keys).argsort()
    known = torch.cat(keys)[order].to(batch.subject.device)
    vectors = batch.trunk.states[site][torch.cat(rows)[order]]

    def change(hidden: Tensor, where: Where) -> Tensor:
        found = torch.searchsorted(known, (where.rows << _POSITION_BITS) + where.positions)
        return vectors[found].to(hidden.dtype)

    return change
