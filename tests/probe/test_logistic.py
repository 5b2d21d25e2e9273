from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from vulnscope.probe.logistic import find_basis, fit_logistic, fit_mean_difference, learn_scaling


def make_data(n: int, d: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(n + d)
    spread = np.exp(-np.arange(d) / 40)
    train, test = (generator.normal(size=(k, d)) * spread + 3 for k in (n, 50))
    labels = train[:, 0] + generator.normal(size=n) * 0.5 > 3.2
    return train.astype(np.float32), test.astype(np.float32), labels


@pytest.mark.parametrize(("n", "d"), [(300, 40), (60, 150)])
@pytest.mark.parametrize("inverse_penalty", [1.0, 10.0, 100.0])
def test_scores_agree_with_scikit_learn(n: int, d: int, inverse_penalty: float) -> None:
    train, test, labels = make_data(n, d)
    scaling = learn_scaling(train, is_standardised=True)
    basis = find_basis(scaling.apply(train), scaling.apply(test))
    ours = fit_logistic(basis, labels[:, None], inverse_penalty).score(basis.test)[:, 0]
    oracle = LogisticRegression(C=inverse_penalty, tol=1e-8, max_iter=5000)
    theirs = oracle.fit(scaling.apply(train).astype(np.float64), labels).decision_function(scaling.apply(test))
    assert np.corrcoef(ours, theirs)[0, 1] > 0.9999
    assert np.abs(ours - theirs).max() < 0.03 * theirs.std()


def test_columns_are_fitted_as_if_alone() -> None:
    train, test, labels = make_data(80, 12)
    both = np.stack([labels, np.roll(labels, 7)], axis=1)
    basis = find_basis(train - train.mean(0), test - train.mean(0))
    together = fit_logistic(basis, both, 10.0).score(basis.test)
    alone = fit_logistic(basis, both[:, 1:], 10.0).score(basis.test)
    np.testing.assert_allclose(together[:, 1:], alone, atol=0.02)


def test_mean_difference_is_the_difference_of_means() -> None:
    train, test, labels = make_data(50, 6)
    centred = train - train.mean(0)
    basis = find_basis(centred, test - train.mean(0))
    scores = fit_mean_difference(basis, labels[:, None]).score(basis.test)[:, 0]
    direction = centred[labels].mean(0) - centred[~labels].mean(0)
    expected = (test - train.mean(0)) @ direction - (centred[labels].mean(0) + centred[~labels].mean(0)) @ direction / 2
    np.testing.assert_allclose(scores, expected, rtol=1e-3, atol=1e-4)


def test_columns_that_do_not_vary_are_dropped() -> None:
    values = np.ones((10, 3), dtype=np.float32)
    values[:, 1] = np.arange(10)
    scaled = learn_scaling(values, is_standardised=True).apply(values)
    assert np.all(scaled[:, [0, 2]] == 0)
    assert scaled[:, 1].std() == pytest.approx(1.0)


def test_rows_are_one_long_on_average() -> None:
    values = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32) * 7 + 2
    scaled = learn_scaling(values, is_standardised=False).apply(values)
    assert float((scaled**2).sum(1).mean()) == pytest.approx(1.0, rel=1e-4)
