"""Attributions add up to the slope of the answer, and name the token that decides it."""

from __future__ import annotations

import pytest
import torch
from tests.ask.builders import make_corpus, make_pairs, tiny_subject

from vulnscope.ask.settings import Selection
from vulnscope.effects.reading.attribution import attribute_tokens
from vulnscope.effects.reading.next_token import first_token_odds, read_next
from vulnscope.effects.splits import prepare_splits
from vulnscope.models import Site, TokenText, edited, replace
from vulnscope.prompts import AnswerTokens


@pytest.fixture(scope="module")
def asked() -> tuple[TokenText, AnswerTokens]:
    splits = prepare_splits(tiny_subject(), make_corpus(make_pairs(20)), Selection(), (0.4, 0.3, 0.3))
    return splits.fit.asked[0].items[0], splits.fit.asked[0].answers[0]


@torch.no_grad()
def odds_scaled(item: TokenText, answers: AnswerTokens, factor: float, selector: str = "all") -> float:
    edit = replace(Site(0, "resid_pre"), lambda hidden: hidden * factor, selector)
    with edited(tiny_subject(), [edit], [item], check=False):
        return float(first_token_odds(read_next(tiny_subject(), [item])[0].double(), answers))


@pytest.mark.parametrize(("selector", "picked"), [("all", slice(None)), ("last", slice(-1, None))])
def test_a_sum_is_the_slope_when_these_tokens_grow(
    selector: str, picked: slice, asked: tuple[TokenText, AnswerTokens]
) -> None:
    found = attribute_tokens(tiny_subject(), *asked)
    assert len(found) == len(asked[0].tokens)
    step = 0.01
    slope = (odds_scaled(*asked, 1 + step, selector) - odds_scaled(*asked, 1 - step, selector)) / (2 * step)
    assert float(found[picked].sum()) == pytest.approx(slope, rel=0.02, abs=1e-3)


def test_the_model_keeps_no_gradient_and_no_hook(asked: tuple[TokenText, AnswerTokens]) -> None:
    before = odds_scaled(*asked, 1.0)
    attribute_tokens(tiny_subject(), *asked)
    assert odds_scaled(*asked, 1.0) == before
    assert all(parameter.grad is None for parameter in tiny_subject().model.parameters())
