from __future__ import annotations

import difflib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vulnscope.corpora.code.diff import align, changed_lines, changed_window
from vulnscope.corpora.code.text import split_lines

lines = st.lists(st.sampled_from(["a", "b", "c", "d", "", "  a"]), max_size=25)
texts = lines.map("\n".join)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("a\nb\nc", "a\nx\nc", ((2,), (2,))),
        ("a\nc", "a\nb\nc", ((), (2,))),
        ("a\nb\nc", "a\nc", ((2,), ())),
        ("a\nb", "a\nb", ((), ())),
        ("a\nb\n", "a\nb", ((), ())),
        ("a\r\nb\r\n", "a\nb\n", ((), ())),
        ("", "a", ((), (1,))),
        ("a\nb\nc\nd", "x\nb\nc\ny\nz", ((1, 4), (1, 4, 5))),
        ("a\x0cb\nc", "a\x0cb\nd", ((2,), (2,))),
    ],
)
def test_changed_lines(before: str, after: str, expected: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    assert changed_lines(before, after) == expected


def test_the_window_adds_the_same_two_shared_lines_on_each_side() -> None:
    before = "1\n2\n3\n4\n5\n6\n7"
    after = "1\n2\n3\n3b\n4\n5\n6\n7"
    window = changed_window(before, after)
    assert window == ((2, 3, 4, 5), (2, 3, 4, 5, 6))


def test_windows_that_touch_become_one() -> None:
    assert changed_window("1\na\n2\n3\n4\nb\n5", "1\nA\n2\n3\n4\nB\n5") == ((1, 2, 3, 4, 5, 6, 7),) * 2


def test_the_window_of_equal_twins_is_empty() -> None:
    assert changed_window("a\nb", "a\nb") == ((), ())


@given(texts, texts)
def test_what_is_shared_is_equal_and_all_is_covered(before: str, after: str) -> None:
    old, new = split_lines(before), split_lines(after)
    blocks = align(before, after)
    assert [line for block in blocks for line in block.before] == list(range(len(old)))
    assert [line for block in blocks for line in block.after] == list(range(len(new)))
    for block in blocks:
        if block.kind == "shared":
            assert [old[line] for line in block.before] == [new[line] for line in block.after]
    assert all(one.kind != other.kind for one, other in pairwise(blocks))


@given(texts, texts)
def test_taking_the_changed_lines_out_leaves_the_same(before: str, after: str) -> None:
    changed = changed_lines(before, after)
    rest = [
        [line for number, line in enumerate(split_lines(text), start=1) if number not in numbers]
        for text, numbers in ((before, changed.before), (after, changed.after))
    ]
    assert rest[0] == rest[1]


@given(texts, texts)
def test_at_least_as_much_is_shared_as_in_plain_difflib_minus_ties(before: str, after: str) -> None:
    """Difflib itself, without the equal ends taken off first, finds nothing shared where we find nothing."""
    matcher = difflib.SequenceMatcher(None, split_lines(before), split_lines(after), autojunk=False)
    n_plain = sum(block.size for block in matcher.get_matching_blocks())
    n_shared = sum(len(block.before) for block in align(before, after) if block.kind == "shared")
    assert (n_shared == 0) == (n_plain == 0)


@given(texts, texts, st.integers(min_value=0, max_value=4))
def test_the_window_holds_the_change_and_shared_lines_that_are_equal(before: str, after: str, n_context: int) -> None:
    changed, window = changed_lines(before, after), changed_window(before, after, n_context)
    old, new = split_lines(before), split_lines(after)
    assert set(changed.before) <= set(window.before)
    assert set(changed.after) <= set(window.after)
    context = [
        [text[line - 1] for line in numbers if line not in done]
        for text, numbers, done in ((old, window.before, changed.before), (new, window.after, changed.after))
    ]
    assert context[0] == context[1]


@given(texts, texts)
def test_swapping_the_twins_swaps_the_window_of_one_sided_changes(before: str, after: str) -> None:
    forth, back = changed_window(before, after), changed_window(after, before)
    assert bool(forth.before or forth.after) == bool(back.before or back.after)
