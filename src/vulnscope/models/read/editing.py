"""The context manager under which a subject runs with edits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from vulnscope.errors import InputError
from vulnscope.models.edit.binding import bound_texts, check_texts
from vulnscope.models.edit.edits import Edit
from vulnscope.models.edit.effects import check_effects
from vulnscope.models.edit.session import Session, hooked, in_force
from vulnscope.models.read.conditions import decide
from vulnscope.models.read.nnsight_backend import NNSIGHT, traced_only
from vulnscope.models.subject.refusals import guarded_generation, refuse_compiled
from vulnscope.models.subject.sites import check_sites
from vulnscope.models.text.items import TokenText, as_items

if TYPE_CHECKING:
    from vulnscope.models.subject.subject import Subject


@contextmanager
def edited(
    subject: Subject,
    edits: Sequence[Edit],
    texts: Sequence[str | Sequence[int] | TokenText] | None = None,
    *,
    check: bool = True,
) -> Iterator[Session]:
    """Run the subject with `edits` inside the block; afterwards it is as before, whatever happened.

    Several edits at one site apply in the order given, those of an outer block first. With `texts`, row i of every
    call is text i. Without them `score`, `generate` and `capture` bind the edits to their own prompts, and calls of
    the model itself can carry only edits that do not depend on the text. Everything is checked before the subject
    runs edited; `check` also makes sure that each edit changes a logit (one forward per edit).
    """
    check_edits(subject, edits)
    refuse_compiled(subject)
    items = None if texts is None else as_items(subject, texts)
    session = Session(subject, edits, lambda condition, given: decide(subject, condition, given))
    session.is_checked = not check
    with ExitStack() as stack:
        if subject.backend == NNSIGHT:
            session.is_checked = True
            stack.enter_context(traced_only(subject))
        else:
            stack.enter_context(hooked(session))
            stack.enter_context(guarded_generation(subject))
        stack.enter_context(in_force(session))
        if items is not None:
            check_texts(subject, items, is_growing=True)
            stack.enter_context(bound_texts(subject, items, range(len(items))))
        elif not any(edit.selector.needs_items or edit.condition for edit in edits):
            probe = TokenText(
                tuple(i % 7 for i in range(1 + max([3, *(n for e in edits for n in e.selector.numbers)])))
            )
            rows = range(session.n_rows or 1)
            check_effects(session, [probe] * len(rows), rows)
        yield session


@contextmanager
def maybe_edited(subject: Subject, edits: Sequence[Edit] | None) -> Iterator[None]:
    """`edited` where there are edits; how the verbs take theirs."""
    if not edits:
        yield
        return
    with edited(subject, edits):
        yield


def check_edits(subject: Subject, edits: Sequence[Edit]) -> None:
    """Raise `InputError` or `SubjectError` for sites that do not exist and vectors that do not fit."""
    if not edits:
        raise InputError("no edits given")
    conditions = [edit.condition for edit in edits if edit.condition]
    check_sites(subject, [*(edit.site for edit in edits), *(condition.site for condition in conditions)])
    width = subject.architecture.d_model
    for edit in edits:
        edit.operation.check_width(width)
    for condition in conditions:
        if len(condition.direction) != width:
            raise InputError(f"condition: direction has {len(condition.direction)} numbers; the site has {width}")
