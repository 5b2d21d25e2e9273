"""What the guides of training reward."""

from __future__ import annotations

import math

import pytest
import torch

from vulnscope.organism.batches import Batch
from vulnscope.organism.config import GuideConfig
from vulnscope.organism.model import _guide_loss

TOKENS = [5, 7, 6, 5, 8]
BATCH = Batch(
    token_ids=torch.tensor([TOKENS]),
    targets=torch.zeros(1, 5, dtype=torch.long),
    weights=torch.zeros(1, 5),
    guide_weights=torch.tensor([[0.0, 0.0, 0.0, 1.0, 0.0]]),
    verdict_targets=torch.zeros(1, 5, 3),
    verdict_weights=torch.zeros(1, 5, 3),
)


def attend(places: list[int]) -> list[torch.Tensor]:
    """One layer of one head, in which each token looks at one place."""
    return [torch.nn.functional.one_hot(torch.tensor(places), 5).float()[None, None]]


@pytest.mark.parametrize(
    ("guide", "right", "wrong"),
    [
        (GuideConfig(layer=0, head=0, target="same"), [0, 1, 2, 0, 4], [0, 1, 2, 1, 4]),
        (GuideConfig(layer=0, head=0, target="after"), [0, 1, 2, 1, 4], [0, 1, 2, 0, 4]),
        (GuideConfig(layer=0, head=0, target="back", distance=1), [0, 0, 1, 2, 3], [0, 1, 2, 3, 4]),
        (GuideConfig(layer=0, head=0, target="back", distance=2), [0, 0, 0, 1, 2], [0, 0, 1, 2, 3]),
    ],
)
def test_a_guide_rewards_the_place_it_names_alone(guide, right, wrong):
    assert _guide_loss([guide], attend(right), BATCH).item() == pytest.approx(0.0, abs=1e-3)
    assert _guide_loss([guide], attend(wrong), BATCH).item() == pytest.approx(-math.log(1e-4), rel=0.3)
