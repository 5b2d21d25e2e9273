from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.models.zoo import tiny_tokenizer

from vulnscope.corpora.code.diff import changed_window
from vulnscope.errors import InputError
from vulnscope.models.text.items import TokenText, read_prompt, read_text
from vulnscope.models.text.selectors import Selector, as_selector, characters, lines, part, positions, select
from vulnscope.prompts.rendering import EncodedPrompt, RenderedPrompt, Span

TEXT = "def f():\n  a = 1\n  b = 2\n  return a\n"


def read(text: str = TEXT, **fields: object) -> TokenText:
    return read_text(tiny_tokenizer(), text, **fields)  # type: ignore[arg-type]


def chosen(item: TokenText, selector: str | Selector) -> str:
    """The characters of the selected tokens (one token is one character here)."""
    assert item.text is not None
    return "".join(item.text[i] for i in select(item, selector))


def test_plain_selectors() -> None:
    item = read("abcdef", answer_start=4)
    assert item.prompt_length == 4
    assert chosen(item, "last") == "d"
    assert chosen(item, "all") == "abcdef"
    assert chosen(item, "prompt") == "abcd"
    assert chosen(item, "answer") == chosen(item, "generated") == "ef"


def test_an_answer_span_wins_over_the_prompt_length() -> None:
    assert chosen(read("abcdef", spans={"answer": (1, 3)}), "answer") == "bc"
    assert chosen(read("abcdef", spans={"answer": (6, 6)}, answer_start=5), "answer") == "f"


def test_lines_include_their_ends_and_count_from_one() -> None:
    assert chosen(read(), lines(1)) == "def f():\n"
    assert chosen(read(), lines(2, 4)) == "  a = 1\n  return a\n"
    assert chosen(read("a\x0cb\nc"), lines(1)) == "a\x0cb\n"


def test_lines_are_those_of_the_code_part() -> None:
    item = read("intro\nx\ny\nend", spans={"code": (6, 10)})
    assert chosen(item, lines(1)) == "x\n"
    assert item.lines().tolist() == [0] * 6 + [1, 1, 2, 2] + [0] * 3


def test_changed_lines_bring_two_shared_lines_on_each_side() -> None:
    text = "".join(f"{i}\n" for i in range(1, 10))
    assert chosen(read(text, changed_lines=[5]), "changed") == "3\n4\n5\n6\n7\n"
    assert chosen(read(text, changed_lines=[1]), "changed") == "1\n2\n3\n"
    assert chosen(read(text, changed_lines=[5], changed_window=[5, 6]), "changed") == "5\n6\n"


def test_the_window_of_twins_is_the_same_shared_lines_on_both_sides() -> None:
    before, after = "a\nb\nc\nd\n", "a\nb\nX\nc\nd\n"
    window = changed_window(before, after)
    assert chosen(read(before, changed_lines=[], changed_window=window.before), "changed") == before
    assert chosen(read(after, changed_lines=[3], changed_window=window.after), "changed") == after


def test_parts_characters_and_positions() -> None:
    item = read("abcdef", spans={"code": (1, 3), "empty": (2, 2)})
    assert chosen(item, part("code")) == "bc"
    assert chosen(item, characters((0, 1), (4, 6))) == "aef"
    assert chosen(item, positions(0, 5)) == "af"


def test_a_rendered_prompt_keeps_its_spans() -> None:
    rendered = RenderedPrompt("xyz", {"code": Span(1, 2), "answer": Span(3, 3)}, is_chat=False)
    encoded = EncodedPrompt((5, 6, 7), (Span(0, 1), Span(1, 2), Span(2, 3)))
    item = read_prompt(rendered, encoded, changed_lines=(1,))
    assert chosen(item, part("code")) == "y"
    assert chosen(item, "changed") == "y"


def test_tokens_without_characters_are_never_inside_a_span() -> None:
    item = TokenText((1, 5, 6), text="ab", offsets=((0, 0), (0, 1), (1, 2)))
    assert select(item, characters((0, 2))).tolist() == [1, 2]
    assert item.lines().tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("selector", "fields", "message"),
    [
        (
            "changed",
            {"changed_lines": []},
            "selector changed matches no token of sample 'twin': it has no changed line",
        ),
        ("changed", {}, "its changed lines are unknown"),
        ("answer", {}, "it has a prompt only"),
        (lines(9), {}, "it has 4 lines"),
        (positions(99), {}, "it has 36 tokens"),
        (part("tail"), {"spans": {"code": (0, 3)}}, "no part 'tail'; its parts are: code"),
    ],
)
def test_a_selector_without_a_token_names_the_sample(
    selector: str | Selector, fields: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match="sample 'twin'") as caught:
        select(read(name="twin", **fields), selector)
    assert message in str(caught.value)


def test_token_ids_alone_have_no_characters() -> None:
    with pytest.raises(InputError, match="text 3: the tokens' character offsets are unknown"):
        select(TokenText((4, 5)), lines(1), number=3)


def test_a_part_and_a_plain_selector_of_one_name_are_told_apart() -> None:
    assert [str(part("answer")), str(as_selector("answer"))] == ["part answer", "answer"]


def test_unknown_and_malformed_selectors() -> None:
    with pytest.raises(InputError, match="unknown selector 'first'; choose one of: last, all, changed"):
        as_selector("first")
    with pytest.raises(InputError, match="must start at 1 or later"):
        lines(0)
    with pytest.raises(InputError, match="must start at 0 or later and hold something"):
        characters((4, 4))


@given(st.text(alphabet="ab \n", min_size=1, max_size=60), st.data())
def test_every_token_lies_on_the_line_that_selects_it(text: str, data: st.DataObject) -> None:
    item = read(text)
    numbers = item.lines()
    line = data.draw(st.integers(1, item.n_lines))
    assert select(item, lines(line)).tolist() == [i for i, number in enumerate(numbers) if number == line]
    assert numbers.tolist() == [1 + text[:i].count("\n") for i in range(len(text))]
