from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vulnscope.models.forward.call_cutting import Limits, cut_calls
from vulnscope.models.forward.call_prices import CallPrices
from vulnscope.models.forward.prefix import Node

COSTS = CallPrices(call=10.0, reading_call=5.0, gather=0.02, attend=0.001)
FREE_CALLS = CallPrices(call=0.0, reading_call=0.0, gather=0.0, attend=0.0)


def node(length: int, past: int = 0) -> Node:
    return Node(tuple(range(length)), past, depth=0, parent=None, is_leaf=True)


sizes = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 60)), min_size=1, max_size=25)


@given(sizes, st.integers(1, 120), st.integers(1, 5), st.booleans())
def test_calls_hold_every_node_once_within_the_limits(
    shapes: list[tuple[int, int]], max_tokens: int, max_reads: int, is_padding_allowed: bool
) -> None:
    nodes = [node(*shape) for shape in shapes]
    limits = Limits(max_tokens, max_reads, is_padding_allowed)
    calls = cut_calls(nodes, range(len(nodes)), [1] * len(nodes), COSTS, limits)
    assert sorted(number for call in calls for number in call) == list(range(len(nodes)))
    for call in calls:
        longest = max(len(nodes[i].tokens) for i in call)
        assert len(call) == 1 or (len(call) * longest <= max_tokens and len(call) <= max_reads)
        assert is_padding_allowed or len({(nodes[i].start, len(nodes[i].tokens)) for i in call}) == 1


def test_free_calls_are_never_padded_and_dear_ones_never_split() -> None:
    nodes = [node(length) for length in (3, 9, 3, 20)]
    limits = Limits(max_tokens=10**6, max_reads=10**6)
    free = cut_calls(nodes, range(4), [1] * 4, FREE_CALLS, limits)
    assert all(len({len(nodes[i].tokens) for i in call}) == 1 for call in free)
    dear = CallPrices(call=1e9, reading_call=0.0, gather=0.0, attend=0.0)
    assert len(cut_calls(nodes, range(4), [1] * 4, dear, limits)) == 1


def test_cuts_do_not_depend_on_the_order_given() -> None:
    nodes = [node(length, past) for length, past in ((5, 2), (30, 2), (6, 40), (5, 41), (29, 3))]
    limits = Limits(max_tokens=64, max_reads=100)
    forward = cut_calls(nodes, range(5), [1] * 5, COSTS, limits)
    backward = cut_calls(nodes, range(4, -1, -1), [1] * 5, COSTS, limits)
    assert sorted(map(sorted, forward)) == sorted(map(sorted, backward))
