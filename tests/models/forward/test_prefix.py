from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from vulnscope.models.forward.prefix import count_distinct, plant_forest

tokens = st.lists(st.integers(0, 2), min_size=1, max_size=8).map(tuple)
sequences = st.lists(tokens, min_size=1, max_size=12)


@given(sequences, st.integers(0, 6))
def test_every_position_of_every_sequence_is_found_behind_its_own_prefix(
    rows: list[tuple[int, ...]], least: int
) -> None:
    forest = plant_forest(rows, lambda _, length, branches: length * (len(branches) - 1) > least)
    for number, row in enumerate(rows):
        for position, token in enumerate(row):
            index, offset = forest.locate(number, position)
            path = [*forest.ancestry(index), index]
            whole = tuple(token for step in path for token in forest.nodes[step].tokens)
            assert forest.nodes[index].tokens[offset] == token
            assert whole[: position + 1] == row[: position + 1]


@given(sequences)
def test_sharing_everything_computes_every_distinct_prefix_once(rows: list[tuple[int, ...]]) -> None:
    distinct = {row[:end] for row in rows for end in range(1, len(row) + 1)}
    assert plant_forest(rows, lambda *_: True).n_tokens == count_distinct(rows) == len(distinct)


@given(sequences)
def test_without_sharing_only_leaves_remain(rows: list[tuple[int, ...]]) -> None:
    forest = plant_forest(rows, lambda *_: False)
    assert len(forest.levels()) == 1
    ends = {row for row in rows if not any(other != row and other[: len(row)] == row for other in rows)}
    assert {node.tokens for node in forest.nodes} == ends


def test_a_node_whose_parent_is_dissolved_is_judged_again() -> None:
    # `(1,)` does not pay; then `(2, 3)` begins at 0 instead of 1, where it does not pay either.
    def pays(start: int, length: int, _: Sequence[int]) -> bool:
        return start == 1 and length == 2

    forest = plant_forest([(1, 2, 3, 4), (1, 2, 3, 5), (1, 6)], pays)
    assert sorted(node.tokens for node in forest.nodes) == [(1, 2, 3, 4), (1, 2, 3, 5), (1, 6)]


def test_levels_list_parents_before_children() -> None:
    forest = plant_forest([(1, 2, 3), (1, 2, 4), (5,)], lambda *_: True)
    assert [[forest.nodes[i].tokens for i in level] for level in forest.levels()] == [[(1, 2), (5,)], [(3,), (4,)]]
    assert forest.leaf_of == (2, 3, 1)
