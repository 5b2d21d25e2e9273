from __future__ import annotations

import sys

import pytest
import torch
from tests.models.subjects import random_tokens, tiny_subject
from tests.tolerances import close_to

from vulnscope.models import ScoreRequest, score_batch
from vulnscope.models.forward import tree_forward
from vulnscope.models.forward.call_cutting import Limits
from vulnscope.models.forward.call_prices import CallPrices
from vulnscope.models.forward.packing import find_window, see_apart
from vulnscope.models.forward.prefix import plant_forest
from vulnscope.models.forward.tree_forward import pack_siblings

STEM, *TAILS = random_tokens(40, 3, 4, 5, 3)
COSTS = CallPrices(call=1.0, reading_call=0.0, gather=0.1, attend=0.001)
PLENTY = Limits(1000, 1000, longest_packed=sys.maxsize)


def packs_of(limits: Limits, costs: CallPrices = COSTS) -> list[list[int]]:
    """Lengths of the tails in each row of the second level."""
    forest = plant_forest([STEM + tail for tail in TAILS], lambda *_: True)
    level = forest.levels()[1]
    packs = pack_siblings(forest, level, [1] * len(forest.nodes), costs, limits)
    return [[len(forest.nodes[number].tokens) for number in pack] for pack in packs]


def test_siblings_share_a_row_while_that_is_cheaper_and_fits() -> None:
    assert packs_of(PLENTY) == [[3, 3, 4, 5]]
    assert packs_of(Limits(7, 1000, longest_packed=sys.maxsize)) == [[3, 3], [4], [5]]
    assert packs_of(Limits(1000, 2, longest_packed=sys.maxsize)) == [[3, 3], [4, 5]]
    assert packs_of(Limits(1000, 1000, longest_packed=44)) == [[3, 3, 4], [5]]
    assert packs_of(Limits(1000, 1000)) == [[3], [3], [4], [5]]
    assert packs_of(PLENTY, CallPrices(call=1.0, reading_call=0.0, gather=0.0, attend=0.1)) == [[3], [3], [4], [5]]


def test_roots_and_nodes_with_children_stay_apart() -> None:
    forest = plant_forest([(1, 2), (3, 4), (5, 6, 7), (5, 6, 8)], lambda *_: True)
    packs = pack_siblings(forest, forest.levels()[0], [1] * len(forest.nodes), COSTS, PLENTY)
    assert all(len(pack) == 1 for pack in packs)


def test_packed_runs_see_themselves_only() -> None:
    expected = [[1, 0, 0], [0, 1, 0], [0, 1, 1]]
    assert see_apart([1, 2]).tolist() == torch.tensor(expected).bool().tolist()


def test_packing_changes_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = tiny_subject()
    request = ScoreRequest(tuple(STEM + tail for tail in TAILS), (((5,), (6, 7)),) * len(TAILS))
    seen: list[int] = []
    original = tree_forward.pack_siblings

    def spy(*arguments: object) -> list[tuple[int, ...]]:
        packs = original(*arguments)  # type: ignore[arg-type]
        seen.append(max(map(len, packs)))
        return packs

    monkeypatch.setattr(tree_forward, "pack_siblings", spy)
    (packed,) = score_batch(subject, [request])
    assert max(seen) > 1
    monkeypatch.setattr(tree_forward, "pack_siblings", lambda _, level, *__: [(number,) for number in level])
    (apart,) = score_batch(subject, [request])
    for ours, theirs in zip(packed, apart, strict=True):
        assert ours.log_probs == close_to(theirs.log_probs)


def test_windows_are_found_by_any_name_and_unknown_code_has_none_to_trust() -> None:
    assert find_window(tiny_subject("mistral").model) == 8
    assert find_window(tiny_subject("gpt_neo").model) == 8
    assert find_window(tiny_subject("qwen2").model) is None
    foreign = type("Foreign", (torch.nn.Module,), {"config": tiny_subject("qwen2").model.config})()
    assert find_window(foreign) == 0
