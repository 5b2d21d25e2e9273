from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from vulnscope.errors import InputError, SubjectError
from vulnscope.prompts import Chat, load_dialogues
from vulnscope.prompts.conversations import Turn, merge_system, render_conversation

PROMPT: dict[str, Any] = {"name": "only", "form": "verdict", "turns": ["{code} {ending}"]}
TURNS = (Turn("system", "Be brief."), Turn("user", "Safe? "), Turn("assistant", "No."), Turn("user", "Sure?"))


def _write(folder: Path, **changes: Any) -> Path:
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump({"protocol": "mine", "prompts": [PROMPT], **changes}), encoding="utf-8")
    return path


def test_a_users_file_is_filled(tmp_path: Path) -> None:
    dialogues = load_dialogues(_write(tmp_path, ending="Decide."))
    (prompt,) = dialogues.prompts
    assert prompt.fill_turns({"code": "x = {1}", "ending": dialogues.ending}) == ("x = {1} Decide.",)
    assert prompt.fill_system({}) is None
    assert prompt.slots == {"code", "ending"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prompts": [{**PROMPT, "turns": ["no code"]}]}, r"the first turn, and no other, needs the slot \{code\}"),
        ({"prompts": [{**PROMPT, "turns": ["{code}", "{code}"]}]}, r"needs the slot \{code\} once"),
        ({"prompts": [{**PROMPT, "system": "{code}"}]}, "belongs into the first turn"),
        ({"prompts": [{**PROMPT, "turns": ["{code} {cve}"]}]}, r"unknown slot \{cve\}"),
        ({"prompts": [PROMPT, PROMPT]}, "only repeat"),
        ({"prompts": [{**PROMPT, "counterpart": "other"}]}, "no prompt has the name other"),
        ({"presets": {"p": {"prompts": ["other"]}}}, "no prompt has the name other"),
        ({"prompts": [{**PROMPT, "form": "song"}]}, "form"),
        ({"prompts": []}, "prompts"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_mistake_is_named_with_its_file(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load_dialogues(_write(tmp_path, **changes))
    assert "mine.yaml" in str(caught.value)


def test_plain_conversations_end_where_the_answer_begins() -> None:
    text = render_conversation(TURNS, None).text
    assert text == (
        "### Instruction:\nBe brief.\n\n### Question:\nSafe?\n\n### Answer:\nNo.\n\n"
        "### Question:\nSure?\n\n### Answer:\n"
    )


class Template:
    """A tokenizer's chat template that takes no system message, or nothing at all."""

    def __init__(self, *, takes_users: bool = True) -> None:
        self.takes_users = takes_users

    def get_chat_template(self) -> str:
        return "{{ messages }}"

    def apply_chat_template(self, messages: list[dict[str, str]], **options: Any) -> str:
        if messages[0]["role"] == "system" or not self.takes_users:
            raise ValueError("System role not supported")
        return "|".join(message["content"] for message in messages)


def test_a_template_without_system_messages_gets_the_text_before_the_question() -> None:
    rendered = render_conversation(TURNS, Chat(Template()))  # type: ignore[arg-type]
    assert rendered.text == "Be brief.\n\nSafe? |No.|Sure?"
    assert rendered.is_chat
    assert merge_system(TURNS[1:]) == TURNS[1:]


def test_a_template_that_takes_nothing_is_named() -> None:
    with pytest.raises(SubjectError, match="chat template refuses the conversation: System role"):
        render_conversation(TURNS, Chat(Template(takes_users=False)))  # type: ignore[arg-type]
