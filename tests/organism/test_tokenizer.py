"""A name is the same token wherever it stands, and text survives the round trip."""

from __future__ import annotations

import pytest

from vulnscope.organism.tokenizer import END, END_ID, PAD, PAD_ID, fit_tokenizer, load_tokenizer

CODE = "def f(total, size):\n    if total > size:\n        return total[size] - total\n    x = (total + 1)\n"


@pytest.fixture(scope="module")
def tokenizer():
    return fit_tokenizer([CODE] * 20, vocab_size=400, max_tokens=256)


def pieces(tokenizer, text):
    return [tokenizer.decode([index]) for index in tokenizer.encode(text)]


def test_name_is_one_token_in_every_context(tokenizer):
    (token,) = tokenizer.encode("total")
    for text in ("total", "(total)", "a = total", "total > 1", "\n    total", "*total"):
        assert tokenizer.encode(text).count(token) == 1


def test_spaces_go_to_operators_and_indentation_to_the_line_break(tokenizer):
    assert pieces(tokenizer, "total > size:\n    x") == ["total", " > ", "size", ":", "\n    ", "x"]


@pytest.mark.parametrize("text", [CODE, "\r\n\tx  =  'é → 💥'\n\n\n   ", "", "a_b2C 1234567"])
def test_round_trip(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_special_tokens_have_fixed_ids(tokenizer):
    assert (tokenizer.convert_tokens_to_ids(END), tokenizer.convert_tokens_to_ids(PAD)) == (END_ID, PAD_ID)
    assert (tokenizer.eos_token, tokenizer.pad_token, tokenizer.bos_token) == (END, PAD, None)


def test_saved_tokenizer_is_the_same(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    assert load_tokenizer(tmp_path).encode(CODE) == tokenizer.encode(CODE)
