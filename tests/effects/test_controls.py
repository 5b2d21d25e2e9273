"""Directions that mean nothing: spread like the differences, and blind to the labels."""

from __future__ import annotations

import numpy as np
import torch
from tests.effects.builders import make_twins

from vulnscope.effects.controls import draw_random, draw_shuffled
from vulnscope.effects.reading.twins import find_mean_difference


def test_random_directions_have_the_covariance_of_the_differences() -> None:
    data = make_twins(n_pairs=60)
    drawn = torch.stack(draw_random(data, 4000, seed=0))
    differences = data.differences()
    expected = torch.cov(differences.T)
    assert float((torch.cov(drawn.T) - expected).norm() / expected.norm()) < 0.15
    assert float(drawn.mean(0).norm()) < 0.2


def test_shuffled_labels_give_directions_without_the_effect() -> None:
    data = make_twins(n_pairs=80, effect=4.0)
    real = find_mean_difference(data)
    drawn = draw_shuffled(data, find_mean_difference, 20, seed=0)
    assert max(abs(float(each[0])) for each in drawn) < 0.6 * float(real[0])


def test_shuffling_swaps_all_pairs_of_a_group() -> None:
    data = make_twins(n_pairs=12, group_size=3)
    swapped = data.swapped(np.random.default_rng(1))
    is_flipped = (swapped.pairs != data.pairs).any(1).reshape(4, 3)
    assert (is_flipped == is_flipped[:, :1]).all()
    assert swapped.is_vulnerable[swapped.pairs[:, 0]].all()
    assert not swapped.is_vulnerable[swapped.pairs[:, 1]].any()
