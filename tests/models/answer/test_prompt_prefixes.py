"""Prompts read once and forked: the continuations of reading them anew, and never where an edit touches them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from tests.models.zoo import tiny_model, tiny_tokenizer

from vulnscope.errors import InputError
from vulnscope.models import Edit, Subject, add, generate, wrap_model
from vulnscope.models.answer.prompt_prefixes import PromptPrefixes

PROMPTS = [tuple(range(3, 8)), tuple(range(20, 32)), tuple(range(40, 49))]


def open_tiny(architecture: str) -> Subject:
    return wrap_model(tiny_model(architecture), tiny_tokenizer(), name=architecture)


def make_edits(seed: int, *selectors: str) -> list[Edit]:
    vectors = torch.randn(len(PROMPTS), 32, generator=torch.Generator().manual_seed(seed))
    return [add(1, vectors, 3.0, selector, unit="raw") for selector in selectors]


@contextmanager
def widths(subject: Subject) -> Iterator[list[int]]:
    """Columns of every forward inside the block."""
    seen: list[int] = []
    handle = subject.model.register_forward_pre_hook(
        lambda _module, _args, kwargs: seen.append(kwargs["input_ids"].shape[1]), with_kwargs=True
    )
    try:
        yield seen
    finally:
        handle.remove()


@pytest.mark.parametrize("architecture", ["gpt_bigcode", "starcoder2", "llama", "mistral", "codegen"])
def test_continuations_are_those_of_reading_the_prompts_anew(architecture: str) -> None:
    subject = open_tiny(architecture)
    prefixes = PromptPrefixes(subject)
    tried = [None, make_edits(0, "last", "generated"), make_edits(1, "last"), make_edits(0, "last", "generated")]
    anew = [generate(subject, PROMPTS, 8, edits=edits) for edits in tried]
    assert anew[0] != anew[1] != anew[2]
    assert [generate(subject, PROMPTS, 8, edits=edits, prefixes=prefixes) for edits in tried] == anew


def test_known_prompts_are_read_from_their_last_token_on() -> None:
    subject, edits = open_tiny("starcoder2"), make_edits(0, "last", "generated")
    prefixes = PromptPrefixes(subject)
    generate(subject, PROMPTS, 4, edits=edits, prefixes=prefixes)
    with widths(subject) as seen:
        generate(subject, PROMPTS, 4, prefixes=prefixes)
    assert set(seen) == {1}
    assert max(map(len, PROMPTS)) not in seen


def test_prompts_that_an_edit_touches_are_read_anew() -> None:
    subject, edits = open_tiny("starcoder2"), make_edits(0, "all")
    prefixes = PromptPrefixes(subject)
    generate(subject, PROMPTS, 4, prefixes=prefixes)
    with widths(subject) as seen:
        found = generate(subject, PROMPTS, 4, edits=edits, prefixes=prefixes)
    assert max(map(len, PROMPTS)) in seen
    assert found == generate(subject, PROMPTS, 4, edits=edits)


def test_prefixes_of_another_subject_are_refused() -> None:
    subject = open_tiny("llama")
    with pytest.raises(InputError, match="those of starcoder2, not of llama"):
        generate(subject, PROMPTS, 2, prefixes=PromptPrefixes(open_tiny("starcoder2")))


def test_a_prompt_of_one_token_has_no_prefix() -> None:
    subject = open_tiny("llama")
    prompts = [(5,), (6, 7)]
    assert generate(subject, prompts, 3, prefixes=PromptPrefixes(subject)) == generate(subject, prompts, 3)
