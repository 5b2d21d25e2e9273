"""What every registered method promises, and what each one is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.effects.builders import WIDTH
from tests.steer.builders import make_data

from vulnscope import registry
from vulnscope.errors import InputError
from vulnscope.steer.fitting import fit_direction, list_methods, mean_agreement

STATIC = [name for name in registry.list_names("steering") if name != "gradient"]


@pytest.mark.parametrize("method", STATIC)
def test_a_direction_points_towards_vulnerable(method: str) -> None:
    direction = fit_direction(method, make_data())
    assert direction.shape == (WIDTH,)
    assert float(direction[0] / direction.norm()) > 0.5


@pytest.mark.parametrize("method", STATIC)
def test_equal_data_give_equal_directions(method: str) -> None:
    torch.testing.assert_close(fit_direction(method, make_data()), fit_direction(method, make_data()))


@pytest.mark.parametrize("method", STATIC)
def test_the_order_of_pairs_does_not_matter(method: str) -> None:
    data = make_data()
    order = np.random.default_rng(0).permutation(len(data.pairs))
    moved = replace(data, pairs=data.pairs[order])
    torch.testing.assert_close(fit_direction(method, data), fit_direction(method, moved), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("method", STATIC)
def test_swapped_labels_turn_the_direction_round(method: str) -> None:
    data = make_data()
    swapped = replace(data, pairs=data.pairs[:, ::-1], is_vulnerable=~data.is_vulnerable)
    torch.testing.assert_close(fit_direction(method, swapped), -fit_direction(method, data), rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("method", ["mean-difference-paired", "mean-difference-unpaired", "pca-differences"])
def test_twins_that_do_not_differ_are_refused(method: str) -> None:
    data = make_data()
    equal = replace(data, states=data.states[::2].repeat_interleave(2, 0))
    with pytest.raises(InputError, match=f"method '{method}' at 1.resid_post .* gave a vector of norm 0"):
        fit_direction(method, equal)


def test_states_that_are_not_finite_are_refused() -> None:
    data = make_data()
    data.states[3, 2] = float("nan")
    with pytest.raises(InputError, match="gave NaN or infinity"):
        fit_direction("mean-difference-paired", data)


def test_the_paired_mean_counts_each_group_once() -> None:
    data = make_data(n_pairs=4)
    groups = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    found = fit_direction("mean-difference-paired", replace(data, groups=groups))
    differences = data.differences()
    torch.testing.assert_close(found, (differences[:3].mean(0) + differences[3]) / 2)


def test_the_unpaired_mean_counts_each_sample_once() -> None:
    data = make_data(n_pairs=5)
    labels = torch.from_numpy(data.is_vulnerable)
    expected = data.states[labels].mean(0) - data.states[~labels].mean(0)
    torch.testing.assert_close(fit_direction("mean-difference-unpaired", data), expected)


def test_the_principal_direction_is_that_of_the_second_moment() -> None:
    data = make_data()
    found = fit_direction("pca-differences", data)
    differences = data.differences().double()
    values, vectors = np.linalg.eigh((differences.T @ differences).numpy() / len(differences))
    assert abs(float(found.double() @ torch.from_numpy(vectors[:, -1]))) == pytest.approx(values[-1] ** 0.5, rel=1e-4)


def test_unknown_methods_are_named() -> None:
    with pytest.raises(InputError, match="unknown steering 'magic'; choose one of: gradient, logistic-direction"):
        fit_direction("magic", make_data())
    assert all(list_methods().values())


def test_agreement_is_the_mean_cosine_of_other_groups() -> None:
    generator = torch.Generator().manual_seed(0)
    differences = torch.randn(6, 4, generator=generator)
    groups = [0, 0, 1, 1, 2, 3]
    units = (differences / differences.norm(dim=-1, keepdim=True)).double()
    cosines = [float(units[i] @ units[j]) for i in range(6) for j in range(6) if groups[i] != groups[j]]
    assert mean_agreement(differences, groups) == pytest.approx(np.mean(cosines))
    assert mean_agreement(differences, [0] * 6) is None


def test_pairs_that_agree_read_one() -> None:
    assert mean_agreement(torch.ones(5, 3), range(5)) == pytest.approx(1.0)
