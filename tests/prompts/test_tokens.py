"""Control tokens in quoted text stay text, in every family of tokenizers."""

from __future__ import annotations

import gc
import weakref

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.prompts.families import ATTACK, CONTROLS, FAMILIES, build
from tokenizers import AddedToken
from transformers import ByT5Tokenizer, PreTrainedTokenizerFast

from vulnscope.models.text.items import read_prompt, read_text
from vulnscope.models.text.selectors import lines, select
from vulnscope.prompts import encode, load_prompts, open_chat, render
from vulnscope.prompts.conversations import Turn, render_conversation
from vulnscope.prompts.tokens import Quoting, Span, controls_of, quote, tokenise

PROMPTS = load_prompts("yes-no")


def pieces(tokenizer: PreTrainedTokenizerFast, text: str) -> list[str]:
    """Names of the tokens of `text` as nothing but text: ids differ between a tokenizer and its bare twin."""
    return tokenizer.convert_ids_to_tokens(list(tokenise([quote(text)], tokenizer, add_special_tokens=False)[0].ids))


code_like = st.lists(
    st.sampled_from(
        ["if (x)", " ", "    ", "\n", ");", "<|", "im_end", "|>", "ü", "#", "<t", "hink>", "</", "\t", "<", ">", "s"]
    )
).map("".join)
with_controls = st.lists(
    st.sampled_from(["<|im_end|>", "<think>", "</think>", "<s>", "<|im_start|>", " ", "\n", "if", ";", "<|", "    "])
).map("".join)
each_family = pytest.mark.parametrize("family", FAMILIES)


@each_family
@settings(deadline=None, max_examples=60)
@given(text=with_controls)
def test_quoted_text_has_the_tokens_of_a_tokenizer_without_control_tokens(family: str, text: str) -> None:
    bare = build(family, has_controls=False)
    for is_eating in (False, True):
        assert pieces(build(family, is_eating=is_eating), text) == bare.tokenize(text)


@each_family
@settings(deadline=None, max_examples=60)
@given(code=code_like)
def test_without_control_tokens_in_the_code_not_one_token_changes(family: str, code: str) -> None:
    for is_eating in (False, True):
        tokenizer = build(family, is_eating=is_eating)
        for chat in (None, open_chat(tokenizer)):
            rendered = render(PROMPTS, PROMPTS.canonical, "secure", language="c", code=code, chat=chat)
            if any(token.content in code for token in CONTROLS):
                continue
            whole = tokenizer(rendered.text, add_special_tokens=chat is None, return_offsets_mapping=True)
            quoting = Quoting(rendered.text, rendered.quoted)
            # The way that is taken where control tokens are quoted gives the same as the tokenizer itself.
            for found in (
                tokenise([quoting], tokenizer, add_special_tokens=chat is None, with_offsets=True)[0],
                controls_of(tokenizer).read(quoting, add_special_tokens=chat is None, with_offsets=True),
            ):
                assert found is not None
                assert list(found.ids) == whole["input_ids"]
                assert found.offsets == tuple(map(tuple, whole["offset_mapping"]))


@each_family
@pytest.mark.parametrize("is_eating", [False, True])
def test_a_chat_keeps_its_own_control_tokens_and_no_other(family: str, is_eating: bool) -> None:
    tokenizer = build(family, is_eating=is_eating)
    controls = {tokenizer.convert_tokens_to_ids(token.content) for token in CONTROLS}
    own, attacked = (
        [number for number in encode([prompt], tokenizer)[0].token_ids if number in controls]
        for prompt in (
            render(PROMPTS, PROMPTS.canonical, "secure", language="c", code=code, chat=open_chat(tokenizer))
            for code in ("int f() {}\n", ATTACK)
        )
    )
    names = ["<s>", "<|im_start|>", "<|im_end|>", "<|im_start|>", "<think>", "</think>"]
    assert own == attacked == [tokenizer.convert_tokens_to_ids(name) for name in names]


@each_family
def test_offsets_and_lines_of_the_code_stay_right(family: str) -> None:
    tokenizer = build(family)
    rendered = render(PROMPTS, PROMPTS.canonical, "secure", language="c", code=ATTACK, chat=open_chat(tokenizer))
    (encoded,) = encode([rendered], tokenizer, with_offsets=True)
    assert encoded.offsets is not None
    covered = {place for start, end in encoded.offsets for place in range(start, end)}
    assert {place for place, letter in enumerate(rendered.text) if not letter.isspace()} <= covered
    item = read_prompt(rendered, encoded)
    chosen = select(item, lines(3))  # "<|im_start|>assistant"
    start, end = encoded.offsets[chosen[0]].start, encoded.offsets[chosen[-1]].end
    assert rendered.text[start:end].strip() == "<|im_start|>assistant"
    assert len(chosen) > 5


@each_family
def test_a_control_token_that_is_half_the_templates_and_half_the_codes_is_text(family: str) -> None:
    tokenizer = build(family)
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    text = "A: <|im_end|> B <|im_end|>"
    halves = Quoting(text, (Span(4, 8), Span(16, 20)))
    assert text[4:8] == "|im_"
    assert end not in tokenise([halves], tokenizer)[0].ids
    assert tokenise([Quoting(text, (Span(0, 3),))], tokenizer)[0].ids.count(end) == 2


@each_family
def test_code_in_the_letters_that_rename_tokens_is_read_too(family: str) -> None:
    tokenizer = build(family)
    code = f"{chr(0x17000)}{chr(0x17001) * 12}<|im_end|>"
    (found,) = tokenise([quote(code)], tokenizer, add_special_tokens=False)
    bare = build(family, has_controls=False)
    expected = bare.convert_ids_to_tokens(bare(code)["input_ids"])
    assert tokenizer.convert_ids_to_tokens(list(found.ids)) == expected


def test_quoted_parts_are_code_in_a_plain_prompt_and_messages_in_a_chat() -> None:
    tokenizer = build("byte-level")
    plain = render(PROMPTS, PROMPTS.canonical, "secure", language="c", code=ATTACK)
    assert [plain.text[slice(*span)] for span in plain.quoted] == ["c", ATTACK]
    turns = [Turn("system", " Be brief. "), Turn("user", ATTACK), Turn("assistant", ""), Turn("user", "Sure?")]
    chat = render_conversation(turns, open_chat(tokenizer))
    assert [chat.text[slice(*span)] for span in chat.quoted] == ["Be brief.", ATTACK.strip(), "Sure?"]
    headed = render_conversation(turns, None)
    assert [headed.text[slice(*span)] for span in headed.quoted] == ["Be brief.", ATTACK.strip(), "", "Sure?"]


def test_a_template_that_cuts_a_message_leaves_the_rest_quoted() -> None:
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=build("byte-level").backend_tokenizer)
    tokenizer.chat_template = "{% for m in messages %}[{{ m.content.split('</think>')[-1] }}]{% endfor %}"
    chat = render_conversation([Turn("user", "Safe?"), Turn("assistant", "so</think> No. <s>")], open_chat(tokenizer))
    assert chat.text == "[Safe?][ No. <s>]"
    assert [chat.text[slice(*span)] for span in chat.quoted] == ["Safe?", " No. <s>"]
    tokenizer.chat_template = "{% for m in messages %}[{{ m.content[:4] }}]{% endfor %}"
    chat = render_conversation([Turn("user", "Safe?")], open_chat(tokenizer))
    assert [chat.text[slice(*span)] for span in chat.quoted] == ["Saf"]


def test_whole_texts_are_quoted_unless_said_otherwise() -> None:
    tokenizer = build("byte-level")
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert end not in read_text(tokenizer, ATTACK).tokens
    assert read_text(tokenizer, ATTACK, quoted=()).tokens.count(end) == 2


def test_a_tokenizer_that_cannot_take_them_as_text_reads_them_as_ever() -> None:
    slow = ByT5Tokenizer()
    code = "/* </s> */"
    (found,) = tokenise([quote(code)], slow)
    assert list(found.ids) == slow(code)["input_ids"]
    controls = controls_of(slow)
    assert controls.find(code) == ("</s>",)
    assert not controls.can_quote(code)
    assert controls_of(build("byte-level")).can_quote(ATTACK)


def test_control_tokens_are_special_ones_those_of_the_template_and_those_in_bars() -> None:
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=build("byte-level").backend_tokenizer, bos_token="<s>")
    tokenizer.add_tokens([AddedToken("<|fim_hole|>", special=False), AddedToken("<h1>", special=False)])
    assert set(controls_of(tokenizer).ids) == {"<s>", "<|im_start|>", "<|im_end|>", "<|fim_hole|>"}
    tokenizer.chat_template = "<h1>{{ messages }}"
    assert "<h1>" in controls_of(tokenizer).ids


def test_memory_of_a_tokenizer_ends_with_it() -> None:
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=build("byte-level").backend_tokenizer)
    tokenise([quote("<s>")], tokenizer)
    gone = weakref.ref(tokenizer)
    del tokenizer
    gc.collect()
    assert gone() is None
