"""A conversation so far, as messages or as one text that a model goes on with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vulnscope.ask.asks import Message
from vulnscope.prompts.conversations import Turn, render_conversation

if TYPE_CHECKING:
    from vulnscope.ask.asks import Ask


def list_messages(ask: Ask, turns: Sequence[str] = ()) -> tuple[Message, ...]:
    """The messages of `ask`, then what the model said in `turns`, each followed by the next question."""
    messages = list(ask.messages)
    for said, follow_up in zip(turns, ask.follow_ups, strict=False):
        messages += [Message("assistant", said), Message("user", follow_up)]
    return tuple(messages)


def write_plain(ask: Ask, turns: Sequence[str] = ()) -> str:
    """The same as one text, as a model without a chat template reads it; it ends where the next answer begins."""
    if ask.plain and not turns:
        return ask.plain
    messages = list_messages(ask, turns)
    return render_conversation([Turn(message.role, message.text) for message in messages], None).text
