"""A tokenizer's chat template applied the same way every time: thoughts closed, and the clock held still."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TEMPLATE_TIME = datetime(2025, 1, 1, 12)  # no zone: templates print it as it stands
"""What templates that print today's date are told, so that a prompt has the same tokens for ever."""
_DIRECTIVES = "aAbBcdfHIjmMpSUwWxXyYzZ"
_OPENED_THOUGHT = re.compile(r"(?:<(think|thinking|thought|reason|reasoning)>|(\[THINK\]))\s*$")


def apply_chat_template(messages: Sequence[dict[str, str]], tokenizer: PreTrainedTokenizerBase) -> str:
    """`messages`, each with "role" and "content", as one text that ends where the answer begins.

    Reasoning models would open with their thoughts: templates with the switch `enable_thinking` are told not to, and a
    thought that a template opens nevertheless is closed, empty. What a model would say inside a thought is no answer.
    """
    text = str(
        tokenizer.apply_chat_template(
            list(messages),
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=False,
            chat_template=_hold_clock(str(tokenizer.get_chat_template())),
        )
    )
    opened = _OPENED_THOUGHT.search(text)
    if opened is None:
        return text
    word, _ = opened.groups()
    return f"{text.rstrip()}\n\n{f'</{word}>' if word else '[/THINK]'}\n\n"


def _hold_clock(template: str) -> str:
    """`template` with a `strftime_now` of its own that reads `TEMPLATE_TIME`; functions cannot be handed to it."""
    if "strftime_now" not in template:
        return template
    values = {f"%{letter}": TEMPLATE_TIME.strftime(f"%{letter}") for letter in _DIRECTIVES}
    values |= {f"%-{name[1]}": value.lstrip("0") or "0" for name, value in values.items()}
    steps = "".join(f"|replace({name!r}, {value!r})" for name, value in values.items())
    return f"{{% macro strftime_now(form) %}}{{{{ form{steps} }}}}{{% endmacro %}}{{{{ '' }}}}{template}"
