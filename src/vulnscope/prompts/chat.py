"""A tokenizer's chat template applied the same way every time: thoughts closed, and the clock held still.

A mark on each side of a message shows where the template puts it, whatever it trims; the text is left without them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import TYPE_CHECKING, Literal, NamedTuple

from vulnscope.errors import InputError, SubjectError
from vulnscope.prompts.tokens import Span

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TEMPLATE_TIME = datetime(2025, 1, 1, 12)  # no zone: templates print it as it stands
"""What templates that print today's date are told, so that a prompt has the same tokens for ever."""
_DIRECTIVES = "aAbBcdfHIjmMpSUwWxXyYzZ"
OpenedThought = Literal["close", "refuse", "keep"]
_OPENED_THOUGHT = re.compile(r"(?:<(think|thinking|thought|reason|reasoning)>|(\[THINK\]))\s*$")


_PRIVATE_USE = range(0xE000, 0xF900)


class ChatText(NamedTuple):
    """A chat as one text, and where in it messages lie, ascending."""

    text: str
    sent: tuple[Span, ...]


@dataclass(frozen=True)
class Chat:
    """How messages are written for a model: through its chat template.

    Reasoning models would open with their thoughts: templates with the switch `enable_thinking` are told not to. A
    thought that a template opens nevertheless is closed, empty, unless it is to be kept: what a model would say inside
    a thought is no answer.
    """

    tokenizer: PreTrainedTokenizerBase
    opened_thought: OpenedThought = "close"

    def write(self, messages: Sequence[dict[str, str]]) -> ChatText:
        """`messages`, each with "role" and "content", as one text that ends where the answer begins.

        Raises `SubjectError` where the template refuses them.
        """
        text, sent = self._apply(messages)
        opened = _find_opened(text, sent)
        if opened is None or self.opened_thought == "keep":
            return ChatText(text, sent)
        word, _ = opened.groups()
        return ChatText(f"{text.rstrip()}\n\n{f'</{word}>' if word else '[/THINK]'}\n\n", sent)

    def find_thought(self) -> str:
        """How the template opens a thought before an answer, such as `<think>`; "" where it opens none."""
        opened = _find_opened(*self._apply([{"role": "user", "content": "…"}]))
        return "" if opened is None else opened[0].strip()

    def _apply(self, messages: Sequence[dict[str, str]]) -> ChatText:
        marks = _choose_marks(messages)
        try:
            written = str(
                self.tokenizer.apply_chat_template(
                    [{**message, "content": _mark(message["content"], marks)} for message in messages],
                    tokenize=False,
                    add_generation_prompt=True,
                    enable_thinking=False,
                    chat_template=_hold_clock(str(self.tokenizer.get_chat_template())),
                )
            )
        except Exception as error:  # templates raise what they like: jinja2 errors, TypeError, ...
            raise SubjectError(f"the tokenizer's chat template refuses the conversation: {error}") from error
        text = written.replace(marks[0], "").replace(marks[1], "")
        return ChatText(text, tuple(_find_sent(written, marks, [message["content"].strip() for message in messages])))


def open_chat(
    tokenizer: PreTrainedTokenizerBase, is_chat: bool | None = None, opened_thought: OpenedThought = "close"
) -> Chat | None:
    """How messages are written for a model, None for plain texts. `is_chat` None means: where there is a template.

    Raises `InputError` where a chat is wanted and there is no template, or it opens a thought and that is refused.
    """
    has_template = tokenizer.chat_template is not None
    if is_chat and not has_template:
        raise InputError("the tokenizer has no chat template; ask with plain prompts")
    if not (has_template if is_chat is None else is_chat):
        return None
    chat = Chat(tokenizer, opened_thought)
    if opened_thought == "refuse" and (thought := chat.find_thought()):
        raise InputError(
            f"the chat template opens a thought ({thought}) before the answer, which --opened-thought refuse rules "
            "out; choose close, which ends the thought at once, or keep"
        )
    return chat


def _find_opened(text: str, sent: Sequence[Span]) -> re.Match[str] | None:
    """What opens a thought at the end of a chat, after the last message."""
    return _OPENED_THOUGHT.search(text, sent[-1].end if sent else 0)


def _choose_marks(messages: Sequence[dict[str, str]]) -> tuple[str, str]:
    """Two characters that no message holds."""
    used = {letter for message in messages for letter in message["content"] if ord(letter) in _PRIVATE_USE}
    first, last = (
        letter for letter, _ in zip((chr(i) for i in _PRIVATE_USE if chr(i) not in used), range(2), strict=False)
    )
    return first, last


def _mark(content: str, marks: tuple[str, str]) -> str:
    """`content` with a mark on each side, inside of what templates trim."""
    core = content.strip()
    if not core:
        return content
    before, _, after = content.partition(core)
    return f"{before}{marks[0]}{core}{marks[1]}{after}"


def _find_sent(written: str, marks: tuple[str, str], contents: Sequence[str]) -> Iterator[Span]:
    """Where messages lie in what was written, once the marks are gone.

    A template may cut a message, as some do before the end of a thought: one mark is missing then, and what is left of
    the message is as much as agrees with it.
    """
    pieces = re.split(f"([{''.join(marks)}])", written)
    at = 0
    for number, piece in enumerate(pieces):
        before, after = pieces[number - 1 : number], pieces[number + 1 : number + 2]
        start, end = at, at + len(piece)
        if before == [marks[0]] and after == [marks[1]]:
            yield Span(start, end)
        elif before == [marks[0]]:
            yield Span(start, start + max(_count_shared(piece, content) for content in contents))
        elif after == [marks[1]]:
            yield Span(end - max(_count_shared(piece[::-1], content[::-1]) for content in contents), end)
        if piece not in marks:
            at = end


def _count_shared(left: str, right: str) -> int:
    """Characters that both have in common from the start."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False)))


def _hold_clock(template: str) -> str:
    """`template` with a `strftime_now` of its own that reads `TEMPLATE_TIME`; functions cannot be handed to it."""
    if "strftime_now" not in template:
        return template
    values = {f"%{letter}": TEMPLATE_TIME.strftime(f"%{letter}") for letter in _DIRECTIVES}
    values |= {f"%-{name[1]}": value.lstrip("0") or "0" for name, value in values.items()}
    steps = "".join(f"|replace({name!r}, {value!r})" for name, value in values.items())
    return f"{{% macro strftime_now(form) %}}{{{{ form{steps} }}}}{{% endmacro %}}{{{{ '' }}}}{template}"
