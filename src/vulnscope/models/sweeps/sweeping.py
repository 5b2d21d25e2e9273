"""The sweep engine: every vector at every scale and site, with no work done twice.

An edit leaves three things as they are: tokens before the first edited one, layers below its own, and what other
points do. So the prompts run once unedited (`trunk`); from there each point runs only the edited token and what
follows it, from the edit's layer up (`resume`), with all points of a prompt side by side (`branches`, `packing`).
Shortcuts that a subject was not proven to allow are left out and named in the plan. The numbers are those of one
plain hooked forward per point, to 1e-4 nats in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from vulnscope.errors import InputError, SubjectError
from vulnscope.models.answer.scoring import PromptScores
from vulnscope.models.read.editing import check_edits
from vulnscope.models.read.units import measure_norm_units
from vulnscope.models.subject.sites import name_site
from vulnscope.models.sweeps.grid import Grid, Point, coarse_sites, finer_sites
from vulnscope.models.sweeps.sweep_plan import (
    Step,
    Work,
    WorkOptions,
    WorkPlan,
    collect_rows,
    grow_trees,
    plan_work,
    run_work,
)
from vulnscope.models.text.selectors import Selector
from vulnscope.records.base import Record

if TYPE_CHECKING:
    from vulnscope.models.edit.operations import Operation
    from vulnscope.models.forward.hooks import Site
    from vulnscope.models.forward.prefix import Tokens
    from vulnscope.models.subject.subject import Subject
    from vulnscope.models.sweeps.rerun import Rerun
    from vulnscope.models.text.items import TokenText


class SweepRow(Record):
    """One prompt under one point of the grid."""

    prompt: int = Field(ge=0, description="number of the prompt as given")
    site: str
    selector: str
    vector: str
    scale: float = Field(description="in `unit`; 0 is the unedited control")
    unit: Literal["norm", "raw"]
    scores: PromptScores


@dataclass(frozen=True, eq=False)
class SweepJob:
    """A sweep that has been checked and planned; `points` are those of each step."""

    work: Work
    points: tuple[tuple[Point, ...], ...]

    @property
    def plan(self) -> WorkPlan:
        """The order of its units; a record to be stored."""
        return self.work.plan

    @property
    def n_rows(self) -> int:
        """Rows when everything is done."""
        return len(self.work.trees) * sum(map(len, self.points))


def sweep(
    subject: Subject,
    prompts: Sequence[str | Tokens | TokenText],
    answers: Sequence[Sequence[Tokens]],
    grid: Grid | Sequence[Point],
    how: WorkOptions | None = None,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[SweepRow]:
    """Scores of `answers[i]` after `prompts[i]` under every point of `grid`.

    `on_progress` hears after each unit of work how many rows there are and will be. To store the rows of a long sweep
    as they come, and to go on after a kill, use `plan_sweep` and `run_sweep`.
    """
    job = plan_sweep(subject, prompts, answers, grid, how)
    return collect_rows(run_sweep(job), job.n_rows, on_progress)


def sweep_coarse_to_fine(
    subject: Subject,
    prompts: Sequence[str | Tokens | TokenText],
    answers: Sequence[Sequence[Tokens]],
    grid: Grid,
    judge: Callable[[Sequence[SweepRow]], float],
    step: int = 4,
) -> list[SweepRow]:
    """Rows of every `step`-th site of `grid`, then of the sites around the best: for large models.

    `judge` gives a number to the rows of one site; higher is better. What it measures must vary smoothly from layer to
    layer for the best one to be found.
    """
    tried = coarse_sites(grid.sites, step)
    rows = sweep(subject, prompts, answers, replace(grid, sites=tried))
    best = max(tried, key=lambda site: judge([row for row in rows if row.site == name_site(site)]))
    finer = finer_sites(grid.sites, tried, best)
    return rows + (sweep(subject, prompts, answers, replace(grid, sites=finer)) if finer else [])


def plan_sweep(
    subject: Subject,
    prompts: Sequence[str | Tokens | TokenText],
    answers: Sequence[Sequence[Tokens]],
    grid: Grid | Sequence[Point],
    how: WorkOptions | WorkPlan | None = None,
) -> SweepJob:
    """The sweep with everything checked, its batches planned and its shortcuts proven.

    `how` may be a stored plan of the same sweep: its rows are then repeated to the byte on one machine. Raises before
    any sweeping for whatever does not exist or fit.
    """
    trees = grow_trees(subject, prompts, answers)
    points = _list_points(subject, grid, [tree.item for tree in trees])
    _check_points(subject, points, len(trees))
    groups: dict[tuple[Selector, Site], list[Point]] = {}
    for point in points:
        groups.setdefault((point.selector, point.site), []).append(point)
    places = {str(s): [tree.pick(s, n) for n, tree in enumerate(trees)] for s, _ in groups}
    steps = [(str(selector), site) for selector, site in groups]
    work = plan_work(subject, trees, places, steps, how or WorkOptions())
    return SweepJob(work, tuple(map(tuple, groups.values())))


def run_sweep(
    job: SweepJob, skip: int = 0, on_backoff: Callable[[WorkPlan], None] | None = None
) -> Iterator[list[SweepRow]]:
    """The rows of each unit of the plan, without the first `skip` units: those stored already.

    Where memory runs out, calls become smaller; `on_backoff` hears the plan to repeat when resuming from there on.
    """
    return run_work(
        job.work, lambda batch, step: _run_step(batch, job.work.steps[step], job.points[step]), skip, on_backoff
    )


def _run_step(batch: Rerun, step: Step, points: Sequence[Point]) -> list[SweepRow]:
    key, site = step
    tried = [point for point in points if point.edit]
    scores = batch.run(site, key, [_bind(batch, key, point).apply for point in tried]) if tried else []
    for edit, point in enumerate(tried):
        if edit not in batch.changed and _must_change(point, batch.numbers):
            raise SubjectError(
                f"vector {point.vector!r} × {point.scale:g} at {name_site(site)} ({key}) changes no activation of any "
                "prompt: it drowns in rounding. Give a larger scale"
            )
    return [
        SweepRow(
            prompt=number,
            site=name_site(site),
            selector=key,
            vector=point.vector,
            scale=point.scale,
            unit=point.unit,
            scores=scores[tree][tried.index(point)] if point.edit else batch.clean(tree),
        )
        for tree, number in enumerate(batch.numbers)
        for point in points
    ]


def _must_change(point: Point, texts: Sequence[int]) -> bool:
    """Whether a point that leaves all of `texts` as they are is a mistake."""
    if point.edit is None or not point.edit.operation.must_change:
        return False
    return not all(point.edit.operation.is_null(text) for text in texts)


def _bind(batch: Rerun, key: str, point: Point) -> Operation:
    """The point's operation with its parameters where the subject is, prepared for the texts of this batch."""
    assert point.edit is not None, "controls are not run"
    picks = [
        np.unique(np.array(tree.positions)[nodes]) for tree, nodes in zip(batch.trees, batch.places[key], strict=True)
    ]
    return point.edit.operation.to(batch.subject.device).bind(picks, batch.numbers)


def _list_points(subject: Subject, grid: Grid | Sequence[Point], items: Sequence[TokenText]) -> list[Point]:
    if not isinstance(grid, Grid):
        return list(grid)
    if grid.unit == "raw":
        return grid.points({})
    if grid.units:
        return grid.points(grid.units)
    measured = {
        (site, selector): unit
        for selector in grid.selectors
        for site, unit in measure_norm_units(subject, items, grid.sites, selector).items()
    }
    return grid.points(measured)


def _check_points(subject: Subject, points: Sequence[Point], n_prompts: int) -> None:
    edits = [point.edit for point in points if point.edit]
    if not edits:
        raise InputError("the grid holds nothing but controls; give at least one scale other than 0")
    check_edits(subject, edits)
    for edit in edits:
        if edit.condition:
            raise InputError(f"{edit} is conditional; a sweep takes edits that always apply")
        if edit.operation.n_rows not in (None, n_prompts):
            raise InputError(f"{edit} holds parameters for {edit.operation.n_rows} texts; there are {n_prompts}")
