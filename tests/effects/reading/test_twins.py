"""Where twins differ is found on other groups, and what is read there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.ask.builders import make_corpus, make_pairs, tiny_subject
from tests.effects.builders import make_twins

from vulnscope.ask.settings import Selection
from vulnscope.effects.reading.twins import best_place, find_mean_difference, read_out, read_twins
from vulnscope.effects.splits import Split, prepare_splits
from vulnscope.errors import InputError
from vulnscope.models import Site, as_selector
from vulnscope.models.text.selectors import part

LAST, CODE = as_selector("last"), part("code")
SITES = [Site(0), Site(1)]


@pytest.fixture(scope="module")
def splits() -> tuple[Split, Split]:
    found = prepare_splits(tiny_subject(), make_corpus(make_pairs(20)), Selection(), (0.4, 0.3, 0.3))
    return found.fit, found.choose


def test_each_place_holds_the_states_that_a_read_out_reads(splits: tuple[Split, Split]) -> None:
    data = read_twins(tiny_subject(), splits[0], SITES, [LAST, CODE])
    assert list(data) == [(SITES[0], LAST), (SITES[1], LAST), (SITES[0], CODE), (SITES[1], CODE)]
    own = data[SITES[1], CODE]
    direction = find_mean_difference(own)
    read = read_out(tiny_subject(), splits[0], (SITES[1], CODE), direction)
    assert read == pytest.approx((own.states @ direction).numpy(), abs=1e-4)


def test_the_best_place_ranks_most_twins(splits: tuple[Split, Split]) -> None:
    fit, choose = splits
    data = read_twins(tiny_subject(), fit, SITES, [LAST, CODE])
    backwards = {place: replace(own, pairs=own.pairs[:, ::-1]) for place, own in data.items()}
    only = {**backwards, (SITES[1], CODE): data[SITES[1], CODE]}
    assert best_place(only, choose, tiny_subject()) == (SITES[1], CODE)


def test_groups_count_once_in_the_mean_difference() -> None:
    twins = replace(
        make_twins(3),
        states=torch.tensor([[1.0, 0], [0, 0], [1, 0], [0, 0], [0, 4], [0, 0]]),
        groups=np.array([0, 0, 0, 0, 1, 1]),
    )
    assert twins.mean_difference().tolist() == [0.5, 2.0]


def test_twins_that_do_not_differ_give_no_direction() -> None:
    twins = make_twins()
    with pytest.raises(InputError, match=r"'mean-difference-paired' at 1.resid_post \(last\) gave a vector of norm 0"):
        find_mean_difference(replace(twins, states=torch.ones_like(twins.states)))
