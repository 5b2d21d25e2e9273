"""A conversation as one text: through the tokenizer's chat template, or plain for models without one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from vulnscope.errors import SubjectError
from vulnscope.prompts.rendering import RenderedPrompt
from vulnscope.prompts.tokens import Span

if TYPE_CHECKING:
    from vulnscope.prompts.chat import Chat

PLAIN_HEADINGS = {"system": "### Instruction:", "user": "### Question:", "assistant": "### Answer:"}
PLAIN_STOP = "\n### "
"""Where a plain answer ends: a model without a chat template goes on with the next question by itself."""


class Turn(NamedTuple):
    """One message; `role` is system, user or assistant."""

    role: str
    text: str


def render_conversation(turns: Sequence[Turn], chat: Chat | None) -> RenderedPrompt:
    """`turns` as one text that ends where the next answer begins.

    A chat template without a system message gets its text before the first question.
    """
    if chat is None:
        return _write_plain(turns)
    try:
        return _apply(turns, chat)
    except SubjectError:
        merged = merge_system(turns)
        if merged == tuple(turns):
            raise
    return _apply(merged, chat)


def merge_system(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """The same with a system message put before the first question."""
    if len(turns) < 2 or turns[0].role != "system":
        return tuple(turns)
    first = Turn(turns[1].role, f"{turns[0].text}\n\n{turns[1].text}")
    return (first, *turns[2:])


def _apply(turns: Sequence[Turn], chat: Chat) -> RenderedPrompt:
    text, sent = chat.write([{"role": turn.role, "content": turn.text} for turn in turns])
    return RenderedPrompt(text, {}, is_chat=True, quoted=sent)


def _write_plain(turns: Sequence[Turn]) -> RenderedPrompt:
    text, quoted = "", []
    for turn in turns:
        text += f"{PLAIN_HEADINGS[turn.role]}\n"
        quoted.append(Span(len(text), len(text) + len(turn.text.strip())))
        text += f"{turn.text.strip()}\n\n"
    return RenderedPrompt(f"{text}{PLAIN_HEADINGS['assistant']}\n", {}, is_chat=False, quoted=tuple(quoted))
