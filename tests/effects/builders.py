"""Margins with known truth, shared by the tests of effects."""

from __future__ import annotations

import numpy as np

from vulnscope.ask.figures.scores import Items
from vulnscope.effects.margins import Margins


def make_margins(items: Items, effect: float, bias: float = 0.0, seed: int = 0) -> Margins:
    """Noise, an effect of the label, and a bias; what is said follows the sign."""
    noise = np.random.default_rng(seed).normal(size=len(items))
    margins = noise + effect * (items.is_vulnerable - 0.5) + bias
    return Margins(margins, tuple("vulnerable" if margin > 0 else "fixed" for margin in margins.tolist()))
