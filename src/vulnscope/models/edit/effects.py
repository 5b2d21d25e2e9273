"""Whether edits do anything: the logits of one text with and without each edit, compared to the bit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import torch

from vulnscope.errors import SubjectError
from vulnscope.models.edit.session import Session, active_sessions, suspended
from vulnscope.models.forward.forward import run_model
from vulnscope.models.forward.head import reading_head
from vulnscope.models.subject.sites import name_site
from vulnscope.models.text.items import TokenText
from vulnscope.models.text.selectors import Selector, pick

if TYPE_CHECKING:
    from torch import Tensor

    from vulnscope.models.subject.subject import Subject


@torch.no_grad()
def check_effects(session: Session, items: Sequence[TokenText], rows: Sequence[int]) -> None:
    """Raise `SubjectError` naming the site of an edit at non-zero scale that changes no logit.

    Each edit runs alone on the first text it is meant to change; logits are read at its last selected token and at
    the end of the text. Edits that may leave things as they are, such as a replacement, are not judged.
    """
    if session.is_checked:
        return
    session.is_checked = True
    subject = session.subject
    for number, edit in enumerate(session.edits):
        if not edit.operation.must_change:
            continue
        active = session.decide(edit.condition, items) if edit.condition else [True] * len(items)
        chosen = next((i for i, row in enumerate(rows) if active[i] and not edit.operation.is_null(row)), None)
        if chosen is None:
            continue
        item = _with_selected_token(subject, items[chosen], edit.selector)
        if item is None:
            continue
        at = int(pick(item, edit.selector).nonzero()[0][-1])
        with suspended(subject):
            clean = _logits(subject, item, at)
        with _only(session, number), session.bound([item], [rows[chosen]]):
            changed = _logits(subject, item, at)
        if torch.equal(clean, changed):
            raise SubjectError(
                f"the edit {edit.operation.name} at {name_site(edit.site)} changes no logit of "
                f"{items[chosen].label(rows[chosen])} (selector {edit.selector}); "
                "its scale drowns in rounding, or nothing reads this site"
            )


@contextmanager
def _only(session: Session, number: int) -> Iterator[None]:
    """Run the subject with edit `number` of `session` and nothing else."""
    with ExitStack() as stack:
        for other in active_sessions(session.subject):
            rest = [i for i in range(len(other.edits)) if other is not session or i != number]
            stack.enter_context(other.muting(rest))
        yield


def _with_selected_token(subject: Subject, item: TokenText, selector: Selector) -> TokenText | None:
    """`item` with a token that `selector` picks: where only generated ones would do, its last token once more."""
    if pick(item, selector).any():
        return item
    limit = subject.max_positions
    if not selector.is_open or (limit is not None and len(item.tokens) >= limit):
        return None
    return TokenText((*item.tokens, item.tokens[-1]), name=item.name, n_prompt=item.prompt_length)


def _logits(subject: Subject, item: TokenText, position: int) -> Tensor:
    tokens = torch.tensor([item.tokens], device=subject.device)
    places = torch.arange(tokens.shape[1], device=subject.device)[None]
    columns = torch.tensor([position, tokens.shape[1] - 1], device=subject.device)
    with reading_head(subject.model, torch.zeros_like(columns), columns):
        return run_model(subject.model, subject.architecture, tokens, places)[0]
