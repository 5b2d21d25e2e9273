"""Margins of many edits on the same items: through the sweep engine where one site is edited, else one by one.

Both are resumable: a unit of work is one row of the run, and what is there already is not run again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vulnscope.ask.scored.items import QuestionItems, read_verdict
from vulnscope.models import Point, Subject, WorkPlan, edited, plan_sweep, run_sweep, score
from vulnscope.models.answer.scoring import PromptScores
from vulnscope.models.subject.sites import name_site

if TYPE_CHECKING:
    from vulnscope.models import Edit, SweepRow
    from vulnscope.records.rows import Says
    from vulnscope.store import Run

Stage = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Margins:
    """What was said of every item under one edit: margins in nats, positive towards vulnerable, and greedy answers."""

    margins: np.ndarray
    says: tuple[Says, ...]


class PointKey(NamedTuple):
    """A point of a sweep."""

    vector: str
    site: str
    selector: str
    scale: float


def key_of(point: Point) -> PointKey:
    """The name of a point in rows and tables."""
    return PointKey(point.vector, name_site(point.site), str(point.selector), point.scale)


def sweep_margins(
    subject: Subject,
    asked: tuple[QuestionItems, QuestionItems],
    points: Sequence[Point],
    run: Run,
    stage: str,
    progress: Stage | None = None,
) -> dict[PointKey, Margins]:
    """Margins of every item under every point; units of `stage` that are in `run` are not run again."""
    items = [item for each in asked for item in each.items]
    answers = [given.sequences for each in asked for given in each.answers]
    stored = _stored_plans(run).get(stage)
    job = plan_sweep(subject, items, answers, points, None if stored is None else WorkPlan.model_validate(stored))
    if stored is None:
        _store_plan(run, stage, job.plan)
    rows = list(run.read_rows(dict, lambda row: row["stage"] == stage))
    for unit in run_sweep(job, len(rows), on_backoff=lambda plan: _store_plan(run, stage, plan)):
        row = {"stage": stage, "points": [_as_plain(each) for each in unit]}
        run.append([row])
        rows.append(row)
        if progress is not None:
            progress(stage, len(rows), job.plan.n_units)
    return _read(rows, asked)


def edit_margins(
    subject: Subject, asked: tuple[QuestionItems, QuestionItems], edits: Sequence[Edit], run: Run, stage: str
) -> Margins:
    """Margins of every item under `edits` all together, conditions included; kept in `run` as one row."""

    def measure() -> dict[str, Any]:
        found = score_margins(subject, asked, edits)
        return {"margins": found.margins.tolist(), "says": list(found.says)}

    row = keep_row(run, stage, measure)
    return Margins(np.array(row["margins"]), tuple(row["says"]))


def keep_row(run: Run, stage: str, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The row of `stage` in `run`; where there is none, what `measure` finds becomes it."""
    if (stored := next(run.read_rows(dict, lambda row: row["stage"] == stage), None)) is not None:
        return stored
    row = {"stage": stage, **measure()}
    run.append([row])
    return row


def score_margins(subject: Subject, asked: tuple[QuestionItems, QuestionItems], edits: Sequence[Edit] = ()) -> Margins:
    """Margins of every item under `edits`, by the scoring engine."""
    both = []
    for each in asked:
        given = [answers.sequences for answers in each.answers]
        if edits:
            with edited(subject, edits):
                both.append(score(subject, each.items, given))
        else:
            both.append(score(subject, each.items, given))
    return read_margins(asked, both[0], both[1])


def read_margins(
    asked: tuple[QuestionItems, QuestionItems], first: Sequence[PromptScores], second: Sequence[PromptScores]
) -> Margins:
    """What the scores of both questions, item by item, say."""
    verdicts = [
        read_verdict((asked[0].answers[i], asked[1].answers[i]), (first[i], second[i])) for i in range(len(first))
    ]
    return Margins(np.array([verdict.margin for verdict in verdicts]), tuple(verdict.says for verdict in verdicts))


def _read(rows: Sequence[Mapping[str, Any]], asked: tuple[QuestionItems, QuestionItems]) -> dict[PointKey, Margins]:
    """Margins out of rows that hold every prompt under every point."""
    n = len(asked[0].items)
    scores: dict[PointKey, dict[int, PromptScores]] = {}
    for row in rows:
        for prompt, vector, site, selector, scale, given in row["points"]:
            scores.setdefault(PointKey(vector, site, selector, scale), {})[prompt] = PromptScores(
                token_log_probs=tuple(tuple(tokens) for tokens in given[0]),
                top_tokens=_read_top(given),
                top_log_prob=given[2],
            )
    found = {}
    for key, own in scores.items():
        found[key] = read_margins(asked, [own[i] for i in range(n)], [own[n + i] for i in range(n)])
    return found


def _read_top(given: Sequence[Any]) -> tuple[int, ...]:
    """The top tokens of a row; an older one names one, and -1 stands for what ties with it."""
    if isinstance(given[1], int):
        return (given[1], -1) if given[3] else (given[1],)
    return tuple(given[1])


def _as_plain(row: SweepRow) -> list[Any]:
    scores = row.scores
    given = [scores.token_log_probs, scores.top_tokens, scores.top_log_prob]
    return [row.prompt, row.vector, row.site, row.selector, row.scale, given]


def _stored_plans(run: Run) -> dict[str, Any]:
    plans = dict(run.plan or {})
    for revision in run.plan_revisions:
        plans.update(revision)
    return plans


def _store_plan(run: Run, stage: str, plan: WorkPlan) -> None:
    """The first plan of a run is its plan; those of later stages, which depend on earlier rows, are revisions."""
    value = {stage: plan.model_dump(mode="json")}
    if run.plan is None:
        run.save_plan(value)
    else:
        run.revise_plan(value)
