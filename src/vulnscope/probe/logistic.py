"""L2-regularised logistic regression of many label vectors on the same features at once.

Minimises the sum of log(1 + exp(−y f)) + |w|²/(2C), f = w·x + b with an unpenalised b. Every fit on the same
features shares one matrix: the Hessian never exceeds XᵀX/4 + I/C (Böhning & Lindsay 1988), so a step with that bound
in place of the Hessian always descends, and in the axes of XᵀX it is diagonal. Nesterov's momentum with restarts
(O'Donoghue & Candès 2015) makes a dozen steps enough. A step is two matrix products whatever the number of label
vectors, so that 100 permutations cost little more than one fit. Agrees with scikit-learn's solver (tests).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

Matrix = NDArray[np.float32]

_MAX_STEPS = 60
# Of the largest entry of the gradient at the start, in which the labels' sums are the natural size.
_TOLERANCE = 1e-3
_NEGLIGIBLE = 1e-6


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


class Basis(NamedTuple):
    """Centred features in the axes of their own variation, in which the bound on the Hessian is diagonal."""

    train: Float[np.ndarray, "n r"]
    test: Float[np.ndarray, "k r"]
    sizes: Float[np.ndarray, " r"]


def find_basis(train: Float[np.ndarray, "n d"], test: Float[np.ndarray, "k d"]) -> Basis:
    """The same inner products in at most n columns, at the cost of one eigendecomposition for all fits.

    Fits and scores do not change, since a penalised fit lies in the span of the training rows.
    """
    n, d = train.shape
    if d <= n:
        sizes, axes = np.linalg.eigh(train.T @ train)
        return Basis(train @ axes, test @ axes, np.maximum(sizes, 0))
    sizes, axes = np.linalg.eigh(train @ train.T)
    kept = sizes > _NEGLIGIBLE * max(float(sizes[-1]), 1e-30)
    roots = np.sqrt(sizes[kept])
    return Basis(axes[:, kept] * roots, test @ (train.T @ (axes[:, kept] / roots)), sizes[kept])


def fit_logistic(basis: Basis, labels: Bool[np.ndarray, "n m"], inverse_penalty: float) -> Fitted:
    """One fit per column of `labels`, at penalty |w|²/(2C) with C = `inverse_penalty`."""
    x, y = basis.train, labels.astype(np.float32)
    penalty = np.float32(1.0 / inverse_penalty)
    step = (1.0 / (basis.sizes / 4 + penalty)).astype(np.float32)[:, None]
    weights = np.zeros((x.shape[1], y.shape[1]), dtype=np.float32)
    rate = np.clip(y.mean(0), 0.5 / len(y), 1 - 0.5 / len(y))
    intercepts = np.log(rate / (1 - rate)).astype(np.float32)
    ahead, ahead_intercepts, momentum = weights, intercepts, 1.0
    limit = _TOLERANCE * max(1.0, float(np.abs(x.T @ (y - rate)).max(initial=0.0)))
    for _ in range(_MAX_STEPS):
        residual = y - expit(x @ ahead + ahead_intercepts)
        gradient = x.T @ residual - penalty * ahead
        new, new_intercepts = ahead + step * gradient, ahead_intercepts + 4 * residual.mean(0)
        if float(np.abs(gradient).max(initial=0.0)) <= limit:
            return Fitted(new, new_intercepts)
        if float((gradient * (new - weights)).sum()) < 0:
            momentum = 1.0
        grown = (1 + np.sqrt(1 + 4 * momentum * momentum)) / 2
        pull = np.float32((momentum - 1) / grown)
        ahead = new + pull * (new - weights)
        ahead_intercepts = new_intercepts + pull * (new_intercepts - intercepts)
        weights, intercepts, momentum = new, new_intercepts, grown
    return Fitted(weights, intercepts)


def fit_mean_difference(basis: Basis, labels: Bool[np.ndarray, "n m"]) -> Fitted:
    """The difference of the two sides' means as direction, per column; the cut lies halfway between them."""
    x, y = basis.train, labels.astype(np.float32)
    n_yes = np.maximum(y.sum(0), 1.0)
    n_no = np.maximum(len(y) - y.sum(0), 1.0)
    yes, no = x.T @ y / n_yes, x.T @ (1 - y) / n_no
    weights: Matrix = (yes - no).astype(np.float32)
    return Fitted(weights, -((yes + no) / 2 * weights).sum(0).astype(np.float32))
