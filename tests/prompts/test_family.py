from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from vulnscope.prompts import RenderedPrompt, count_shared, encode, encode_families, load_prompts, open_chat, render
from vulnscope.prompts import family as family_module

MakeTokenizer = Callable[..., PreTrainedTokenizerFast]

PROMPTS = load_prompts("yes-no")
MERGES = ["i+f", " + ", "  +  ", "\n+\n", ")+;", "e+r", "Q+u", "#+#", "##+#", "\n\n+###"]

code_like = st.lists(
    st.sampled_from(["if (x)", " ", "  ", "\n", "\n\n", ");", "###", "er", "Qu", "ü", "é{}", "<|end|>"])
).map("".join)


def ask_all(code: str, tokenizer: PreTrainedTokenizerFast | None = None) -> list[RenderedPrompt]:
    return [
        render(PROMPTS, prompt, polarity, language="c", code=code, chat=open_chat(tokenizer) if tokenizer else None)
        for prompt in PROMPTS.prompts
        for polarity in ("vulnerable", "secure")
    ]


@pytest.mark.parametrize("is_chat", [False, True])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=50)
@given(start=code_like, repeat=st.integers(1, 60), end=code_like)
def test_tokens_are_those_of_whole_texts(
    make_tokenizer: MakeTokenizer, is_chat: bool, start: str, repeat: int, end: str
) -> None:
    tokenizer = make_tokenizer(MERGES, is_chat=is_chat)
    family = ask_all(start * repeat + end, tokenizer if is_chat else None)
    (found,) = encode_families([family], tokenizer)
    assert [prompt.token_ids for prompt in found] == [prompt.token_ids for prompt in encode(family, tokenizer)]


def test_a_long_text_is_tokenised_whole_only_once(
    make_tokenizer: MakeTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths: list[int] = []

    def count(rendered: list[RenderedPrompt], tokenizer: PreTrainedTokenizerFast) -> object:
        lengths.extend(len(prompt.text) for prompt in rendered)
        return encode(rendered, tokenizer)

    monkeypatch.setattr(family_module, "encode", count)
    encode_families([ask_all("int f(void);\n" * 300)], make_tokenizer(MERGES))
    assert sum(length > 1000 for length in lengths) == 1


def test_a_tokenizer_that_never_falls_into_step_gets_whole_texts(
    make_tokenizer: MakeTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(family_module, "count_shared", lambda *_: 0)
    family = ask_all("int f(void);\n" * 300)
    tokenizer = make_tokenizer(MERGES)
    (found,) = encode_families([family], tokenizer)
    assert found == encode(family, tokenizer)


@given(st.lists(st.integers(0, 2), max_size=20).map(tuple), st.lists(st.integers(0, 2), max_size=20).map(tuple))
def test_count_shared(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    expected = next(
        (n for n, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right))
    )
    assert count_shared(left, right) == expected
