"""Activations with known truth, shared by the tests of steering."""

from __future__ import annotations

import torch
from tests.ask.builders import tiny_subject
from tests.probe.builders import make_items

from vulnscope.ask.scored.items import Asked
from vulnscope.models import NormUnit, Site, as_selector
from vulnscope.stats import Groups
from vulnscope.steer.config import SteerConfig
from vulnscope.steer.fitting import FitData

WIDTH = 32


def make_data(n_pairs: int = 30, effect: float = 2.0, seed: int = 0, group_size: int = 1) -> FitData:
    """Twins that share a random point; vulnerable ones are moved along the first axis."""
    items = make_items(n_pairs, group_size)
    generator = torch.Generator().manual_seed(seed)
    shared = torch.randn(n_pairs, WIDTH, generator=generator).repeat_interleave(2, 0) * 3
    states = shared + 0.5 * torch.randn(2 * n_pairs, WIDTH, generator=generator)
    states[:, 0] += effect * torch.from_numpy(items.is_vulnerable).float()
    return FitData(
        subject=tiny_subject(),
        site=Site(1),
        selector=as_selector("last"),
        states=states,
        is_vulnerable=items.is_vulnerable,
        pairs=items.twins(),
        groups=Groups.from_labels(items.groups).index,
        unit=NormUnit(site="1.resid_post", selector="last", value=10.0, n_tokens=60, n_left_out=0),
        asked=(Asked((), ()), Asked((), ())),
        config=SteerConfig(),
    )
