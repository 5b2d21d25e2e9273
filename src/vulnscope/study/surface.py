"""How well margins rank samples once the size of the code is taken out of them.

A model that calls shorter code vulnerable ranks SVEN well and knows nothing. What size explains is estimated within
pairs: margins, label and size, each less its mean over the two twins, and the margin regressed on the other two, so
that a flaw which goes with size is not taken out with it (Frisch & Waugh 1933). Slopes come from other folds of groups
than the items they are applied to. Only differences between twins are adjusted; what whole pairs differ in says nothing
of labels. Samples without a twin are held against the mean of their stratum instead.

Where nearly every fix adds code, size and label go together and slopes are uncertain. The interval holds that: a
group left out moves the AUROC also by what slopes are without it, times the slope of the AUROC (the delta method). With
slopes held fixed, margins that follow nothing but size were told to know more in half of all draws; so, in 3 %.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from vulnscope.ask.figures.paired_scores import ScoreTable
from vulnscope.records.base import not_measured
from vulnscope.stats import Bootstrap, Groups, auroc_statistic, deal_folds, estimate

if TYPE_CHECKING:
    from vulnscope.corpora import Sample
    from vulnscope.records.base import Estimate
    from vulnscope.stats import AurocStatistic, Floats

_ITEMS_PER_TERM = 40
_DECIMALS = 9


def measure_sizes(samples: Sequence[Sample]) -> Floats:
    """Samples × 3: logarithms of characters, lines and words of the code."""
    counts = [(len(each.code), each.code.count("\n") + 1, len(each.code.split())) for each in samples]
    return np.log1p(np.array(counts, dtype=np.float64).reshape(-1, 3))


def measure_given_surface(margins: Floats, sizes: Floats, items: ScoreTable, *, seed: int = 0) -> Estimate:
    """AUROC of `margins` with `sizes` (items × features) taken out; higher is better, 1/2 where size was all.

    `seed` deals the groups into folds.
    """
    if not len(items):
        return not_measured("no samples")
    groups = Groups.from_labels(items.groups)
    table = _Table.of(margins, sizes, items)
    folds = deal_folds(groups, seed=seed)
    slopes = np.array([table.fit(folds != fold) for fold in range(int(folds.max(initial=0)) + 1)])[folds]
    # Rounded, since sums of products differ in their last digits from run to run, and ties would break.
    adjusted = np.round(margins - (table.sizes * slopes).sum(axis=1), _DECIMALS)

    def rank(scores: Floats) -> AurocStatistic:
        return auroc_statistic(scores, items.is_vulnerable, groups, items.strata)

    whole = np.ones((1, groups.n_groups))
    # Columns deviate by 1, so a slope is uncertain by about this much.
    step = (float(margins.std()) or 1.0) / max(1, len(items)) ** 0.5
    sides = [[rank(adjusted + sign * step * column)(whole) for sign in (-1, 1)] for column in table.sizes.T]
    leaning = np.array([float(lower[0] - higher[0]) / (2 * step) for lower, higher in sides])
    fixed, refit = rank(adjusted), table.refit(groups)
    at = refit(whole)

    def statistic(weights: Floats) -> Floats:
        found: Floats = np.round(fixed(weights) + (refit(weights) - at) @ leaning, _DECIMALS)
        return found

    reason = fixed.find_reason() or "no items to measure it on"
    return estimate(statistic, groups, Bootstrap(), low=0.0, high=1.0, is_jackknifed=True, undefined=reason)


class _Table(NamedTuple):
    """Margins, labels and sizes within blocks; sizes as uncorrelated columns, the most telling first."""

    margins: Floats
    labels: Floats
    sizes: Floats

    @classmethod
    def of(cls, margins: Floats, sizes: Floats, items: ScoreTable) -> Self:
        blocks = Groups.from_labels(_find_blocks(items))
        n_terms = max(1, len(items) // _ITEMS_PER_TERM)
        table = _centre(np.column_stack([margins, items.is_vulnerable, _bend(sizes)]), blocks)
        return cls(table[:, 0], table[:, 1], _turn(table[:, 2:])[:, :n_terms])

    @property
    def design(self) -> Floats:
        found: Floats = np.column_stack([self.labels, self.sizes])
        return found

    def fit(self, is_kept: np.ndarray) -> Floats:
        """Margin per unit of each size column, at equal label."""
        slopes: Floats = np.linalg.lstsq(self.design[is_kept], self.margins[is_kept], rcond=None)[0][1:]
        return slopes

    def refit(self, groups: Groups) -> Callable[[Floats], Floats]:
        """Slopes as a function of group weights (draws × groups), draws × columns."""
        design = self.design
        n = design.shape[1]
        squares = np.column_stack([groups.sums(design[:, i] * design[:, j]) for i in range(n) for j in range(n)])
        products = np.column_stack([groups.sums(design[:, i] * self.margins) for i in range(n)])

        def slopes(weights: Floats) -> Floats:
            inverse = np.linalg.pinv((weights @ squares).reshape(-1, n, n), rcond=1e-9, hermitian=True)
            found: Floats = np.einsum("dij,dj->di", inverse, weights @ products)[:, 1:]
            return found

        return slopes


def _bend(sizes: Floats) -> Floats:
    """The first feature in deviations and its square, the other features, its cube: what matters most comes first."""
    spread = sizes.std(axis=0)
    scaled = (sizes - sizes.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    first = scaled[:, 0]
    terms: Floats = np.column_stack([first, first**2, scaled[:, 1:], first**3])
    return terms


def _turn(terms: Floats) -> Floats:
    """Each column less what the ones before explain, in deviations of 1; empty ones go."""
    turned, rest = np.linalg.qr(terms)
    kept = np.abs(np.diag(rest)) > 1e-3 * np.maximum(np.linalg.norm(terms, axis=0), 1e-12)
    columns: Floats = turned[:, kept] * len(terms) ** 0.5
    return columns


def _find_blocks(items: ScoreTable) -> list[Hashable]:
    """Within which an item is compared: its pair where it has a twin, else its stratum."""
    is_paired = np.zeros(len(items), dtype=bool)
    is_paired[items.twins().ravel()] = True
    return [
        ("pair", pair) if paired else ("stratum", stratum)
        for pair, stratum, paired in zip(items.pairs, items.strata, is_paired.tolist(), strict=True)
    ]


def _centre(table: Floats, blocks: Groups) -> Floats:
    sums = np.column_stack([blocks.sums(column) for column in table.T])
    centred: Floats = table - (sums / np.bincount(blocks.index)[:, None])[blocks.index]
    return centred
