"""Activations with known truth, shared by the tests of steering."""

from __future__ import annotations

from tests.ask.builders import tiny_subject
from tests.effects.builders import make_twins

from vulnscope.ask.scored.items import QuestionItems
from vulnscope.models import NormUnit
from vulnscope.steer.config import SteerConfig
from vulnscope.steer.fitting import FitData


def make_data(n_pairs: int = 30, effect: float = 2.0, seed: int = 0, group_size: int = 1) -> FitData:
    """Twins that share a random point; vulnerable ones are moved along the first axis."""
    twins = make_twins(n_pairs, effect, seed, group_size)
    unit = NormUnit(site="1.resid_post", selector="last", value=10.0, n_tokens=60, n_left_out=0)
    asked = QuestionItems((), ()), QuestionItems((), ())
    return FitData(**vars(twins), unit=unit, subject=tiny_subject(), asked=asked, config=SteerConfig())
