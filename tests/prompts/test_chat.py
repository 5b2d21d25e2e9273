"""Chat templates of reasoning models, and of models that are told the date."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from transformers import PreTrainedTokenizerFast

from vulnscope.errors import InputError
from vulnscope.prompts import Chat, OpenedThought, load_prompts, open_chat, render
from vulnscope.prompts.conversations import Turn, render_conversation

MakeTokenizer = Callable[..., PreTrainedTokenizerFast]
PROMPTS = load_prompts("yes-no")
SAID = "{% for message in messages %}{{ message.content }}‖{% endfor %}"


def write(
    tokenizer: PreTrainedTokenizerFast, template: str, code: str = "x = 1", opened_thought: OpenedThought = "close"
) -> tuple[str, str]:
    """The last of a prompt and of a conversation under this template, code and question left out."""
    tokenizer.chat_template = SAID + template
    chat = open_chat(tokenizer, opened_thought=opened_thought)
    prompt = render(PROMPTS, PROMPTS.canonical, "secure", language="c", code=code, chat=chat)
    assert prompt.spans["answer"].start == len(prompt.text)
    spoken = render_conversation([Turn("user", "Is it?")], chat)
    return prompt.text.partition("‖")[2], spoken.text.partition("‖")[2]


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        ("<|assistant|>", "<|assistant|>"),
        ("<|assistant|><think>", "<|assistant|><think>\n\n</think>\n\n"),
        ("<|assistant|><think>\n", "<|assistant|><think>\n\n</think>\n\n"),
        ("<|assistant|><reasoning>", "<|assistant|><reasoning>\n\n</reasoning>\n\n"),
        ("[THINK]", "[THINK]\n\n[/THINK]\n\n"),
        ("<think></think>\n", "<think></think>\n"),
        ("{% if enable_thinking is not defined or enable_thinking %}<think>{% endif %}", ""),
    ],
)
def test_a_thought_that_a_template_opens_is_closed(make_tokenizer: MakeTokenizer, ending: str, expected: str) -> None:
    template = ending if "%" in ending else "{{ " + repr(ending) + " }}"
    assert write(make_tokenizer(is_chat=True), template) == (expected, expected)


@pytest.mark.parametrize("ending", ["<|assistant|><think>\n", "[THINK]"])
def test_a_thought_is_kept_or_refused_on_request(make_tokenizer: MakeTokenizer, ending: str) -> None:
    tokenizer = make_tokenizer(is_chat=True)
    template = "{{ " + repr(ending) + " }}"
    assert write(tokenizer, template, opened_thought="keep") == (ending, ending)
    assert Chat(tokenizer).find_thought() == ending.strip().removeprefix("<|assistant|>")
    with pytest.raises(
        InputError, match=r"opens a thought \S+ before the answer, which --opened-thought refuse rules out"
    ):
        write(tokenizer, template, opened_thought="refuse")
    assert write(tokenizer, "{{ 'A:' }}", opened_thought="refuse") == ("A:", "A:")
    assert Chat(tokenizer).find_thought() == ""
    assert open_chat(tokenizer, is_chat=False, opened_thought="refuse") is None


def test_a_thought_in_the_code_is_left_alone(make_tokenizer: MakeTokenizer) -> None:
    assert write(make_tokenizer(is_chat=True), "{{ 'A:' }}", code="# <think>") == ("A:", "A:")


@pytest.mark.parametrize(
    ("form", "expected"),
    [("%d %b %Y %H:%M", "01 Jan 2025 12:00"), ("%-d. %B", "1. January"), ("%Y-%m-%d", "2025-01-01")],
)
def test_a_template_that_prints_the_date_prints_the_same_for_ever(
    make_tokenizer: MakeTokenizer, form: str, expected: str
) -> None:
    template = "{{ strftime_now(" + repr(form) + ") }}"
    assert write(make_tokenizer(is_chat=True), template) == (expected, expected)
