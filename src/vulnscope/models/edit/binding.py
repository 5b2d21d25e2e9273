"""Telling the edits in force which texts the verbs run: checked first, then bound batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vulnscope.errors import InputError
from vulnscope.models.edit.effects import check_effects
from vulnscope.models.edit.session import active_sessions, bound
from vulnscope.models.text.selectors import select

if TYPE_CHECKING:
    from vulnscope.models.subject.subject import Subject
    from vulnscope.models.text.items import TokenText


def check_texts(subject: Subject, items: Sequence[TokenText], *, is_growing: bool) -> None:
    """Raise `InputError` where the edits in force do not fit the texts: other numbers of them, nothing selected.

    Texts that are growing will have generated tokens, even if they have none yet.
    """
    for session in active_sessions(subject):
        if session.n_rows not in (None, len(items)):
            raise InputError(f"the edits hold parameters for {session.n_rows} texts, but there are {len(items)}")
        for edit in session.edits:
            if is_growing and edit.selector.kind == "generated":
                continue
            for number, item in enumerate(items):
                select(item, edit.selector, number)


@contextmanager
def bound_texts(subject: Subject, items: Sequence[TokenText], rows: Sequence[int]) -> Iterator[None]:
    """Bind every session in force to `items`, text i with the parameters of row `rows[i]`; all edits change a logit."""
    with bound(subject, items, rows):
        for session in active_sessions(subject):
            check_effects(session, items, rows)
        yield
