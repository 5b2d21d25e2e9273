from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vulnscope.errors import InputError
from vulnscope.models.forward.hooks import Site
from vulnscope.models.sweeps.grid import coarse_sites, finer_sites

SITES = [Site(layer) for layer in range(24)]


def layers(sites: tuple[Site, ...]) -> list[int]:
    return [site.layer for site in sites]


def test_a_coarse_choice_holds_the_highest_layer() -> None:
    assert layers(coarse_sites(SITES, 6)) == [5, 11, 17, 23]
    assert layers(coarse_sites(SITES, 1)) == list(range(24))
    with pytest.raises(InputError, match="step 0 must be 1 or more"):
        coarse_sites(SITES, 0)


def test_a_finer_choice_lies_between_the_neighbours_of_the_best() -> None:
    tried = coarse_sites(SITES, 6)
    assert layers(finer_sites(SITES, tried, Site(11))) == [6, 7, 8, 9, 10, 12, 13, 14, 15, 16]
    assert layers(finer_sites(SITES, tried, Site(5))) == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]
    assert layers(finer_sites(SITES, tried, Site(23))) == [18, 19, 20, 21, 22]


@given(st.integers(1, 24), st.data())
def test_refining_ends_with_nothing_left_around_the_best(step: int, data: st.DataObject) -> None:
    tried = set(coarse_sites(SITES, step))
    best = data.draw(st.sampled_from(sorted(tried)))
    finer = finer_sites(SITES, tried, best)
    assert not tried & set(finer)
    assert finer_sites(SITES, tried | set(finer), best) == ()
