"""Asking: a plan over everything that is asked, rows appended batch by batch; the same for margins and for words.

The plan is stored before the first row and repeated on resume, back-off included, so a resumed run gives the same
bytes. One `append` per batch of the plan: a batch is on the disk whole or is asked again. What is asked, of whom and
with which memory is an `Inquiry`, which knows no run: `answer_all` asks without one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from vulnscope.errors import RunError
from vulnscope.records.base import Record
from vulnscope.records.rows import SampleRow

if TYPE_CHECKING:
    from vulnscope.corpora import Sample
    from vulnscope.store import Run

Progress = Callable[[int, int], None]


class Plan(Record):
    """What a run stores before its first row: a digest of everything that is asked, and what runs together."""

    requests_digest: str

    @property
    def n_batches(self) -> int:
        """How many batches there are."""
        raise NotImplementedError


P = TypeVar("P", bound=Plan)
R = TypeVar("R", bound=SampleRow)


class Inquiry(ABC, Generic[P, R]):
    """Questions about samples, put to one model."""

    plan_type: type[P]
    row_type: type[R]
    what: str
    """What an equal digest promises to be equal, in words."""

    @property
    @abstractmethod
    def samples(self) -> Sequence[Sample]:
        """What is asked about, as the model sees it; rows come in this order."""

    @abstractmethod
    def digest(self) -> str:
        """Over everything that is sent."""

    @abstractmethod
    def plan(self, digest: str) -> P:
        """Which samples run together."""

    @abstractmethod
    def ask_batch(
        self, plan: P, number: int, revisions: Sequence[dict[str, Any]], revise: Callable[[Record], None]
    ) -> list[R]:
        """The rows of batch `number`. Earlier back-off stands in `revisions`; `revise` hears of further steps."""


def ask(inquiry: Inquiry[P, R], run: Run, progress: Progress | None = None) -> tuple[R, ...]:
    """One row per sample, in their order; rows that `run` holds already are not asked again.

    `progress` receives (rows done, rows in all) before each batch and at the end. Raises `RunError` where `run` was
    begun with other requests.
    """
    plan = _agree_on_plan(inquiry, run)
    rows = list(run.read_rows(inquiry.row_type.model_validate))
    n_rows = len(inquiry.samples)
    for number in range(run.n_batches, plan.n_batches):
        if progress is not None:
            progress(len(rows), n_rows)
        fresh = inquiry.ask_batch(plan, number, run.plan_revisions, run.revise_plan)
        run.append(fresh)
        rows += fresh
    if progress is not None:
        progress(n_rows, n_rows)
    return _in_order(inquiry, rows)


def answer_all(inquiry: Inquiry[P, R]) -> tuple[R, ...]:
    """The same rows without a run: nothing is stored, and nothing resumed."""
    plan, revisions = inquiry.plan(""), list[dict[str, Any]]()
    batches = (
        inquiry.ask_batch(plan, number, revisions, lambda step: revisions.append(step.model_dump()))
        for number in range(plan.n_batches)
    )
    return _in_order(inquiry, (row for batch in batches for row in batch))


def _in_order(inquiry: Inquiry[P, R], rows: Iterable[R]) -> tuple[R, ...]:
    by_id = {row.sample: row for row in rows}
    return tuple(by_id[sample.id] for sample in inquiry.samples)


def _agree_on_plan(inquiry: Inquiry[P, R], run: Run) -> P:
    """The plan that `run` holds, or a new one, stored."""
    digest = inquiry.digest()
    if run.plan is None:
        plan = inquiry.plan(digest)
        run.save_plan(plan)
        return plan
    stored = inquiry.plan_type.model_validate(run.plan)
    if stored.requests_digest != digest:
        raise RunError(
            f"run {run.id} was begun with other {inquiry.what} than these; "
            "restore what changed, or start a new run without --resume"
        )
    return stored
