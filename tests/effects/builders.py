"""Activations and margins with known truth, shared by the tests of effects."""

from __future__ import annotations

import numpy as np
import torch
from tests.probe.builders import make_items

from vulnscope.ask.figures.paired_scores import ScoreTable
from vulnscope.effects.margins import Margins
from vulnscope.effects.reading.twins import TwinStates
from vulnscope.models import Site, as_selector
from vulnscope.stats import Groups

WIDTH = 32


def make_twins(n_pairs: int = 30, effect: float = 2.0, seed: int = 0, group_size: int = 1) -> TwinStates:
    """Twins that share a random point; vulnerable ones are moved along the first axis."""
    items = make_items(n_pairs, group_size)
    generator = torch.Generator().manual_seed(seed)
    shared = torch.randn(n_pairs, WIDTH, generator=generator).repeat_interleave(2, 0) * 3
    states = shared + 0.5 * torch.randn(2 * n_pairs, WIDTH, generator=generator)
    states[:, 0] += effect * torch.from_numpy(items.is_vulnerable).float()
    return TwinStates(
        site=Site(1),
        selector=as_selector("last"),
        states=states,
        is_vulnerable=items.is_vulnerable,
        pairs=items.twins(),
        groups=Groups.from_labels(items.groups).index,
    )


def make_margins(items: ScoreTable, effect: float, bias: float = 0.0, seed: int = 0) -> Margins:
    """Noise, an effect of the label, and a bias; what is said follows the sign."""
    noise = np.random.default_rng(seed).normal(size=len(items))
    margins = noise + effect * (items.is_vulnerable - 0.5) + bias
    return Margins(margins, tuple("vulnerable" if margin > 0 else "fixed" for margin in margins.tolist()))
