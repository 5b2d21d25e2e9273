"""What edits do to the identity of work: which tokens are computed alike, and which answers may be remembered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vulnscope.models.edit.edits import digest_edits
from vulnscope.models.edit.session import active_sessions
from vulnscope.models.forward.prefix import TOKEN_BITS, Tokens
from vulnscope.models.text.items import TokenText

if TYPE_CHECKING:
    from vulnscope.models.subject.subject import Subject


def key_sequences(subject: Subject, items: Sequence[TokenText]) -> list[Tokens]:
    """Token ids of `items`, to which the sessions in force are bound, with their edits in the bits above."""
    sessions = active_sessions(subject)
    if not sessions:
        return [item.tokens for item in items]
    codes = np.stack([code for session in sessions for code in session.codes(items)])
    _, numbers = np.unique(codes, axis=1, return_inverse=True)
    tokens = np.concatenate([np.array(item.tokens, dtype=np.int64) for item in items])
    keys = (tokens + (numbers.reshape(-1).astype(np.int64) << TOKEN_BITS)).tolist()
    stops = np.cumsum([len(item.tokens) for item in items]).tolist()
    return [tuple(keys[stop - len(item.tokens) : stop]) for item, stop in zip(items, stops, strict=True)]


def digest_in_force(subject: Subject) -> str | None:
    """Digest of all edits in force, in their order; "none" without edits, None where an edit has no digest."""
    edits = [edit for session in active_sessions(subject) for edit in session.edits]
    return digest_edits(edits) if edits else "none"
