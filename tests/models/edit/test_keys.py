"""Tokens that edits treat differently are different work, and only edits with a digest are remembered."""

from __future__ import annotations

import torch
from tests.models.subjects import tiny_subject

from vulnscope.models import add, edited, read_text
from vulnscope.models.edit.edits import digest_edits, trace
from vulnscope.models.edit.keys import digest_in_force, key_sequences
from vulnscope.models.edit.session import active_sessions
from vulnscope.models.forward.prefix import TOKEN_BITS

SUBJECT = tiny_subject()
ITEMS = [read_text(SUBJECT.tokenizer, text) for text in ("int a;", "int b;")]


def push(scale: float, selector: str = "last") -> object:
    return add(1, torch.ones(32), scale=scale, selector=selector, unit="raw")


def codes(keys: tuple[int, ...]) -> list[int]:
    return [key >> TOKEN_BITS for key in keys]


def test_without_edits_keys_are_tokens() -> None:
    assert key_sequences(SUBJECT, ITEMS) == [item.tokens for item in ITEMS]


def test_edited_tokens_differ_from_the_same_tokens_unedited() -> None:
    with edited(SUBJECT, [push(1.0)], ITEMS):
        (session,) = active_sessions(SUBJECT)
        with session.bound(ITEMS, [0, 1]):
            one, other = key_sequences(SUBJECT, ITEMS)
    mask = (1 << TOKEN_BITS) - 1
    assert [tuple(key & mask for key in keys) for keys in (one, other)] == [item.tokens for item in ITEMS]
    # Only the last token is edited, and alike in both texts.
    assert len(set(codes(one)[:-1])) == 1
    assert codes(one)[-1] != codes(one)[0]
    assert codes(one) == codes(other)


def test_all_edits_in_force_have_one_digest_in_their_order() -> None:
    first, second = push(1.0), push(2.0, "all")
    assert digest_in_force(SUBJECT) == "none"
    with edited(SUBJECT, [first]), edited(SUBJECT, [second]):
        assert digest_in_force(SUBJECT) == digest_edits([first, second])
        assert digest_in_force(SUBJECT) != digest_edits([second, first])
    with edited(SUBJECT, [first, trace(1)]):
        assert digest_in_force(SUBJECT) is None
    assert digest_in_force(SUBJECT) == "none"
