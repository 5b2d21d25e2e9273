from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from vulnscope.errors import SubjectError
from vulnscope.prompts import encode, load_prompts, open_chat, render

MakeTokenizer = Callable[..., PreTrainedTokenizerFast]

PROMPTS = load_prompts("yes-no")


@given(st.text(), st.sampled_from(["c", "python"]))
def test_spans_hold_what_went_in(code: str, language: str) -> None:
    rendered = render(PROMPTS, PROMPTS.canonical, "secure", language=language, code=code)
    parts = {name: rendered.text[span.start : span.end] for name, span in rendered.spans.items()}
    assert parts == {
        "language": language,
        "code": code,
        "question": "Is this code secure? Answer yes or no.",
        "answer": "",
    }
    assert rendered.spans["answer"].start == len(rendered.text)


def test_plain_text_is_the_wording_the_organism_learns() -> None:
    rendered = render(PROMPTS, PROMPTS.canonical, "vulnerable", language="c", code="int main() { return 0; }")
    assert rendered.text == (
        "### Code (c):\nint main() { return 0; }\n\n### Question:\nIs this code vulnerable? Answer yes or no.\n\n"
        "### Answer:\n"
    )


def test_all_questions_share_the_code_as_prefix() -> None:
    texts = [
        render(PROMPTS, prompt, polarity, language="c", code="a\nb").text
        for prompt in PROMPTS.prompts
        for polarity in ("vulnerable", "secure")
    ]
    assert len(set(texts)) == 6
    assert len({text[: text.index("### Question")] for text in texts}) == 1


def test_plain_prompts_get_the_special_tokens_of_the_tokenizer(make_tokenizer: MakeTokenizer) -> None:
    tokenizer = make_tokenizer()
    rendered = render(PROMPTS, PROMPTS.canonical, "secure", language="c", code="x")
    ids = encode([rendered], tokenizer)[0].token_ids
    assert ids[0] == tokenizer.bos_token_id
    assert ids.count(tokenizer.bos_token_id) == 1


def test_chat_prompts_get_no_second_bos(make_tokenizer: MakeTokenizer) -> None:
    tokenizer = make_tokenizer(is_chat=True)
    rendered = render(PROMPTS, PROMPTS.canonical, "secure", language="c", code="x", chat=open_chat(tokenizer))
    ids = encode([rendered], tokenizer)[0].token_ids
    assert rendered.text.startswith("<s><|user|>\nHere is a piece of c code:")
    assert rendered.text.endswith("<|assistant|>\n")
    assert ids.count(tokenizer.bos_token_id) == 1


def test_chat_spans_survive_trimming(make_tokenizer: MakeTokenizer) -> None:
    prompts = PROMPTS.model_copy(update={"chat": "\n  {code}\n{question}  "})
    rendered = render(
        prompts,
        prompts.canonical,
        "secure",
        language="c",
        code="  f();\n",
        chat=open_chat(make_tokenizer(is_chat=True)),
    )
    parts = {name: rendered.text[span.start : span.end] for name, span in rendered.spans.items()}
    assert parts["question"] == prompts.canonical.secure
    assert parts["code"] == "f();\n"


def test_a_template_that_rewrites_the_message_is_refused(make_tokenizer: MakeTokenizer) -> None:
    tokenizer = make_tokenizer(is_chat=True)
    tokenizer.chat_template = "{{ messages[0].content | upper }}"
    with pytest.raises(SubjectError, match="chat template rewrites the message"):
        render(PROMPTS, PROMPTS.canonical, "secure", language="c", code="x", chat=open_chat(tokenizer))


def test_a_template_that_takes_no_such_message_is_refused_in_words(make_tokenizer: MakeTokenizer) -> None:
    tokenizer = make_tokenizer(is_chat=True)
    tokenizer.chat_template = "{{ raise_exception('only tools may speak') }}"
    with pytest.raises(SubjectError, match="chat template refuses the conversation: only tools may speak"):
        render(PROMPTS, PROMPTS.canonical, "secure", language="c", code="x", chat=open_chat(tokenizer))
    with pytest.raises(SubjectError, match="only tools may speak"):
        open_chat(tokenizer, opened_thought="refuse")


def test_an_appended_end_token_is_taken_off(make_tokenizer: MakeTokenizer) -> None:
    rendered = [render(PROMPTS, PROMPTS.canonical, "secure", language="c", code="x")]
    closed = encode(rendered, make_tokenizer(appends_end=True), with_offsets=True)[0]
    open_end = encode(rendered, make_tokenizer(), with_offsets=True)[0]
    assert closed == open_end


def test_offsets_point_into_the_text(make_tokenizer: MakeTokenizer) -> None:
    rendered = render(PROMPTS, PROMPTS.canonical, "secure", language="python", code="print('ü')\n")
    encoded = encode([rendered], make_tokenizer(["p+r", "pr+i"]), with_offsets=True)[0]
    assert encoded.offsets is not None
    assert len(encoded.offsets) == len(encoded.token_ids)
    covered = [rendered.text[span.start : span.end] for span in encoded.offsets]
    assert "pri" in covered
    assert max(span.end for span in encoded.offsets) == len(rendered.text)


def test_offsets_are_left_out_unless_asked_for(make_tokenizer: MakeTokenizer) -> None:
    rendered = [render(PROMPTS, PROMPTS.canonical, "secure", language="c", code="x")]
    assert encode(rendered, make_tokenizer())[0].offsets is None
    assert encode([], make_tokenizer()) == []
