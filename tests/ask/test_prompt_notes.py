"""What a page says on top of prompts that are not as they seem."""

from __future__ import annotations

from copy import copy
from typing import cast

import pytest
from tests.ask.builders import make_sample
from tests.prompts.families import ATTACK, build
from transformers import ByT5Tokenizer, PreTrainedTokenizerBase

from vulnscope.ask.prompt_notes import note_prompts, note_unseen
from vulnscope.corpora import Sample
from vulnscope.prompts import OpenedThought, open_chat

PLAIN = [make_sample(number, "fixed") for number in range(3)]
ATTACKED = [*PLAIN, make_sample(3, "vulnerable", code=ATTACK)]


def note(tokenizer: PreTrainedTokenizerBase, samples: list[Sample], opened_thought: OpenedThought = "close") -> str:
    return " ".join(note_prompts(tokenizer, open_chat(tokenizer, opened_thought=opened_thought), samples))


def test_ordinary_code_under_an_ordinary_template_is_no_news() -> None:
    assert note(build("byte-level"), PLAIN) == ""
    assert note_unseen(PLAIN) == ()


def test_control_tokens_in_code_are_counted_and_named() -> None:
    assert note(build("byte-level"), ATTACKED) == (
        "In 1 of 4 samples the code holds text of control tokens (<|im_end|>, <|im_start|>, </think>, …); it was read "
        "as text."
    )


def test_what_a_tokenizer_cannot_read_as_text_is_named() -> None:
    slow = cast(PreTrainedTokenizerBase, ByT5Tokenizer())
    assert note(slow, [*PLAIN, make_sample(3, "vulnerable", code="/* </s> */")]) == (
        "In 1 of 4 samples the code holds text of control tokens (</s>), which this tokenizer cannot read as text: "
        "there the code can speak as a turn of the chat."
    )


def test_an_endpoint_reads_what_it_likes() -> None:
    (found,) = note_unseen(ATTACKED)
    assert found.startswith(
        "In 1 of 4 samples the code holds text that many models take for control tokens (<|im_end|>, "
    )
    assert "an endpoint cannot be told to read it as text" in found
    ordinary = "a <| b |> c; if (x < 3 || y > 4) { s[0] = 1; } // <s3> <end>"
    assert note_unseen([make_sample(0, "fixed", code=ordinary)]) == ()


@pytest.mark.parametrize(
    ("opened_thought", "words"),
    [
        ("close", "closed, empty, so that answers stand outside of it."),
        ("keep", "left open, so that what is scored or "),
    ],
)
def test_a_thought_that_the_template_opens_is_told_with_what_was_done(
    opened_thought: OpenedThought, words: str
) -> None:
    tokenizer = copy(build("byte-level"))
    tokenizer.chat_template = "{{ messages[0].content }}\n<think>\n"
    found = note(tokenizer, PLAIN, opened_thought)
    assert found.startswith("The chat template opens a thought (<think>) before each answer; it was ")
    assert words in found
    assert note_prompts(tokenizer, None, PLAIN) == ()
