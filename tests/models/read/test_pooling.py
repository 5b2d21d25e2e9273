from __future__ import annotations

import pytest
import torch
from tests.models.subjects import DENSE, TUPLE, random_tokens, tiny_subject
from tests.tolerances import assert_close

from vulnscope.errors import InputError, SubjectError
from vulnscope.models import Site, TokenText, add, as_selector, capture, edited
from vulnscope.models.read.pooling import Pool, capture_pools
from vulnscope.models.subject.fresh import reinitialise
from vulnscope.models.subject.lens import read_lens
from vulnscope.models.text.selectors import positions

ITEMS = [TokenText(tokens) for tokens in random_tokens(9, 5, 12)]
SITES = [Site(0, "resid_pre"), Site(1), Site(2)]
POOLS = {
    "end": Pool(as_selector("last"), "last"),
    "mean": Pool(as_selector("all"), "mean"),
    "top": Pool(positions(6, 7), "max"),
}


@pytest.mark.parametrize("name", [DENSE, TUPLE])
def test_one_pass_gives_what_captures_give_one_by_one(name: str) -> None:
    subject = tiny_subject(name)
    found = capture_pools(subject, ITEMS, SITES, POOLS)
    for pool in ("end", "mean"):
        alone = capture(subject, ITEMS, SITES, POOLS[pool].selector, POOLS[pool].reduce)
        for site in SITES:
            assert_close(found.values[pool, site], alone[site])


def test_a_text_without_tokens_is_left_out_of_that_pool_only() -> None:
    found = capture_pools(tiny_subject(), ITEMS, SITES, POOLS)
    assert found.has["top"].tolist() == [True, False, True]
    assert found.has["mean"].all()
    assert not found.values["top", Site(1)][1].any()


def test_a_text_without_any_token_is_named() -> None:
    with pytest.raises(InputError, match="text 1 has no token for any pool"):
        capture_pools(tiny_subject(), ITEMS, SITES, {"top": POOLS["top"]})


def test_pools_are_not_read_under_edits() -> None:
    subject = tiny_subject()
    with (
        edited(subject, [add(Site(1), torch.ones(32), unit="raw", selector="all")]),
        pytest.raises(InputError, match="unedited subject"),
    ):
        capture_pools(subject, ITEMS, SITES, POOLS)


@pytest.mark.parametrize("name", [DENSE, TUPLE, "gemma2", "gpt2"])
def test_the_lens_of_the_last_layer_is_the_model(name: str) -> None:
    subject = tiny_subject(name)
    hidden = capture(subject, ITEMS, [Site(2)], "last", "last")[Site(2)]
    read = read_lens(subject, hidden, list(range(20)))
    for row, item in enumerate(ITEMS):
        with torch.inference_mode():
            logits = subject.model(torch.tensor([item.tokens])).logits[0, -1]
        assert_close(read[row], logits[:20].float())


def test_fresh_weights_follow_the_seed_and_leave_the_subject_alone() -> None:
    subject = tiny_subject()
    before = {name: value.clone() for name, value in subject.model.state_dict().items()}
    state = torch.random.get_rng_state()
    one, same, other = (reinitialise(subject, seed) for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), state)
    weights = [each.model.get_input_embeddings().weight for each in (one, same, other, subject)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert not torch.equal(weights[0], weights[3])
    assert all(torch.equal(value, before[name]) for name, value in subject.model.state_dict().items())
    assert one.digest != subject.digest


def test_weights_that_are_not_the_models_own_are_not_drawn_anew() -> None:
    from dataclasses import replace

    with pytest.raises(SubjectError, match="a subject with an adapter cannot be re-initialised"):
        reinitialise(replace(tiny_subject(), adapter="somewhere"), 0)
