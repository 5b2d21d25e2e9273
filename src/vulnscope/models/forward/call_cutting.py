"""Which nodes of one level run together in one forward call.

Nodes are sorted and cut into consecutive runs that minimise the estimated cost: padded tokens, plus the keys each
row gathers and attends to, plus a fixed overhead per call, all in units of one token's forward. Several sort
orders are tried. The estimate only steers speed; any cuts give the same numbers within rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vulnscope.models.forward.call_prices import CallPrices
from vulnscope.models.forward.prefix import Node

# Keys a call may touch per new token it may hold; bounds the gathered prefixes of many short rows.
_KEYS_PER_TOKEN = 16
# Padding that no run is worth, in prices of a call.
_MOST_WASTE = 4.0


@dataclass(frozen=True)
class Limits:
    """What one call may hold: padded tokens, positions read, rows of different length, siblings in one row.

    `longest_packed` is the last position up to which leaves of one parent may share a row; 0 keeps them apart.
    """

    max_tokens: int
    max_reads: int
    is_padding_allowed: bool = True
    longest_packed: int = 0


@dataclass(frozen=True)
class _Item:
    """A node as the cutter sees it."""

    number: int
    past: int
    length: int
    n_reads: int


_ORDERS: tuple[Callable[[_Item], tuple[int, int]], ...] = (
    lambda item: (item.length, item.past),
    lambda item: (item.length.bit_length(), item.past),
    lambda item: (item.past, item.length),
)


def cut_calls(
    nodes: Sequence[Node], numbers: Sequence[int], n_reads: Sequence[int], costs: CallPrices, limits: Limits
) -> list[list[int]]:
    """`numbers` (of one level) in runs, one call each; `n_reads[i]` counts the positions read in node i."""
    items = [_Item(i, nodes[i].start, len(nodes[i].tokens), n_reads[i]) for i in numbers]
    _, runs = min((_cut(sorted(items, key=order), costs, limits) for order in _ORDERS), key=lambda result: result[0])
    return [[item.number for item in run] for run in runs]


def _cut(items: Sequence[_Item], costs: CallPrices, limits: Limits) -> tuple[float, list[Sequence[_Item]]]:
    """The cheapest cuts of `items` in this order, by dynamic programming over the last cut."""
    best, cuts = [0.0], [0]
    for stop in range(1, len(items) + 1):
        candidates: list[tuple[float, int]] = []
        past = length = reads = 0
        needed = 0.0
        for first in range(stop - 1, -1, -1):
            item = items[first]
            past, length, reads = max(past, item.past), max(length, item.length), reads + item.n_reads
            n_rows = stop - first
            if n_rows > 1 and not _fits(n_rows, past, length, reads, item, items[stop - 1], limits):
                break
            call = costs.call + (costs.reading_call if reads else 0.0)
            run, needed = n_rows * costs.row(past, length), needed + costs.row(item.past, item.length)
            if candidates and run - needed > _MOST_WASTE * call:
                break  # longer runs only waste more; some cut of this one is cheaper
            candidates.append((best[first] + call + run, first))
        cost, first = min(candidates)
        best.append(cost)
        cuts.append(first)
    runs: list[Sequence[_Item]] = []
    stop = len(items)
    while stop:
        runs.append(items[cuts[stop] : stop])
        stop = cuts[stop]
    return best[-1], runs[::-1]


def _fits(n_rows: int, past: int, length: int, reads: int, first: _Item, last: _Item, limits: Limits) -> bool:
    if not limits.is_padding_allowed and (first.past, first.length) != (last.past, last.length):
        return False
    return (
        n_rows * length <= limits.max_tokens
        and n_rows * (past + length) <= _KEYS_PER_TOKEN * limits.max_tokens
        and reads <= limits.max_reads
    )
