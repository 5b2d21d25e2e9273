"""L2-regularised logistic regression of many label vectors on the same features at once.

Minimises the sum of log(1 + exp(−y f)) + |w|²/(2C), f = w·x + b with an unpenalised b. Every fit on the same
features shares one matrix: the Hessian never exceeds XᵀX/4 + I/C (Böhning & Lindsay 1988), so a step with that bound
in place of the Hessian always descends; Nesterov's momentum with restarts (O'Donoghue & Candès 2015) makes a dozen of
them enough. A step is three matrix products whatever the number of label vectors, so that 100 permutations cost little
more than one fit. Agrees with scikit-learn's solver (tests).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.special import expit

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

Matrix = NDArray[np.float32]

_MAX_STEPS = 60
# Of the largest entry of the gradient at the start, in which the labels' sums are the natural size.
_TOLERANCE = 1e-3
_JITTER = 1e-5


class Fitted(NamedTuple):
    """One column of weights and one intercept per label vector."""

    weights: Matrix
    intercepts: Matrix

    def score(self, features: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n m"]:
        """Log-odds of each row under each fit."""
        found: Matrix = features @ self.weights + self.intercepts
        return found


class Scaling(NamedTuple):
    """How features are shifted and scaled, learned on training rows."""

    shift: Matrix
    scale: Matrix

    def apply(self, features: Float[np.ndarray, "n d"]) -> Matrix:
        """The features as the fit takes them."""
        scaled: Matrix = (features - self.shift) * self.scale
        return scaled


def learn_scaling(features: Float[np.ndarray, "n d"], *, is_standardised: bool) -> Scaling:
    """Centre; divide each column by its deviation if asked; then make rows 1 long on average, so that C means the same.

    Columns that do not vary are set to 0.
    """
    shift = features.mean(0)
    deviation = features.std(0)
    is_constant = deviation <= 1e-6 * np.maximum(np.abs(shift), 1e-6)
    inverse = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=~is_constant)
    if is_standardised:
        size = np.sqrt(max(1, int((~is_constant).sum())))
        return Scaling(shift, inverse / size)
    size = np.sqrt(max(float((deviation**2).sum()), 1e-12))
    return Scaling(shift, np.full_like(deviation, 1.0 / size))


def reduce_features(
    train: Float[np.ndarray, "n d"], test: Float[np.ndarray, "k d"]
) -> tuple[Float[np.ndarray, "n r"], Float[np.ndarray, "k r"]]:
    """The same inner products in at most n columns: with more columns than rows, the Gram matrix's Cholesky factor.

    Fits and scores do not change, since a penalised fit lies in the span of the training rows.
    """
    n, d = train.shape
    if d <= n:
        return train, test
    gram = train @ train.T
    gram[np.diag_indices(n)] += _JITTER * max(float(np.trace(gram)) / n, 1e-12)
    factor = cholesky(gram, lower=True, check_finite=False)
    reduced = solve_triangular(factor, train @ test.T, lower=True, check_finite=False).T
    return factor.astype(np.float32), reduced.astype(np.float32)


def fit_logistic(features: Float[np.ndarray, "n d"], labels: Bool[np.ndarray, "n m"], inverse_penalty: float) -> Fitted:
    """One fit per column of `labels`, at penalty |w|²/(2C) with C = `inverse_penalty`."""
    x, y = features.astype(np.float32, copy=False), labels.astype(np.float32)
    n, d = x.shape
    penalty = np.float32(1.0 / inverse_penalty)
    mean = x.mean(0)
    centred = x - mean  # the bound then has no cross terms between weights and intercept
    bound = np.linalg.inv(centred.T @ centred / 4 + penalty * np.eye(d, dtype=np.float32))
    weights = np.zeros((d, y.shape[1]), dtype=np.float32)
    rate = np.clip(y.mean(0), 0.5 / n, 1 - 0.5 / n)
    intercepts = np.log(rate / (1 - rate)).astype(np.float32)
    ahead, ahead_intercepts, momentum = weights, intercepts, 1.0
    limit = _TOLERANCE * max(1.0, float(np.abs(centred.T @ (y - rate)).max(initial=0.0)))
    for _ in range(_MAX_STEPS):
        residual = y - expit(centred @ ahead + ahead_intercepts)
        gradient = centred.T @ residual - penalty * ahead
        new, new_intercepts = ahead + bound @ gradient, ahead_intercepts + 4 * residual.mean(0)
        if float(np.abs(gradient).max(initial=0.0)) <= limit:
            weights, intercepts = new, new_intercepts
            break
        if float((gradient * (new - weights)).sum()) < 0:
            momentum = 1.0
        grown = (1 + np.sqrt(1 + 4 * momentum * momentum)) / 2
        pull = np.float32((momentum - 1) / grown)
        ahead = new + pull * (new - weights)
        ahead_intercepts = new_intercepts + pull * (new_intercepts - intercepts)
        weights, intercepts, momentum = new, new_intercepts, grown
    return Fitted(weights, (intercepts - mean @ weights).astype(np.float32))


def fit_mean_difference(features: Float[np.ndarray, "n d"], labels: Bool[np.ndarray, "n m"]) -> Fitted:
    """The difference of the two sides' means as direction, per column; the cut lies halfway between them."""
    x, y = features.astype(np.float32, copy=False), labels.astype(np.float32)
    n_yes = np.maximum(y.sum(0), 1.0)
    n_no = np.maximum(len(y) - y.sum(0), 1.0)
    yes, no = x.T @ y / n_yes, x.T @ (1 - y) / n_no
    weights: Matrix = (yes - no).astype(np.float32)
    return Fitted(weights, -((yes + no) / 2 * weights).sum(0).astype(np.float32))
