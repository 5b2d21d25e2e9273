"""The standard error by dyads of groups, against a published formula, double loops, and what draws show."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vulnscope.stats import Floats, Groups, auroc_statistic


def obuchowski(scores: Floats, is_positive: np.ndarray, clusters: np.ndarray) -> tuple[float, float]:
    """AUROC and standard error of clustered data (Obuchowski 1997, equations 1 to 5), over all comparisons."""
    wins = (np.sign(scores[is_positive][:, None] - scores[~is_positive][None, :]) + 1) / 2
    m, n = wins.shape
    area = float(wins.mean())
    names = np.unique(clusters)
    own = np.array([(wins.mean(axis=1) - area)[clusters[is_positive] == c].sum() for c in names])
    other = np.array([(wins.mean(axis=0) - area)[clusters[~is_positive] == c].sum() for c in names])
    n_own, n_other = len(set(clusters[is_positive])), len(set(clusters[~is_positive]))
    variance = (
        n_own / ((n_own - 1) * m**2) * (own**2).sum()
        + n_other / ((n_other - 1) * n**2) * (other**2).sum()
        + 2 / (m * n) * len(names) / (len(names) - 1) * (own * other).sum()
    )
    return area, math.sqrt(variance)


@pytest.mark.parametrize("seed", range(5))
def test_samples_that_are_groups_of_their_own_have_obuchowskis_auroc_and_error(seed: int) -> None:
    generator = np.random.default_rng(seed)
    positive = generator.random(300) < 0.4
    scores = generator.normal(size=300) + 0.5 * positive
    ours = auroc_statistic(scores, positive, Groups(np.arange(300), 300))
    area, error = obuchowski(scores, positive, np.arange(300))
    assert ours.value == pytest.approx(area)
    assert ours.spread() == pytest.approx(error, rel=0.01)


def test_groups_of_one_label_have_obuchowskis_auroc_and_error() -> None:
    generator = np.random.default_rng(0)
    cluster = generator.integers(0, 120, size=500)
    positive = cluster % 2 == 0
    scores = generator.normal(size=120)[cluster] + generator.normal(size=500) + 0.5 * positive
    ours = auroc_statistic(scores, positive, Groups.from_labels(cluster.tolist()))
    area, error = obuchowski(scores, positive, cluster)
    assert ours.value == pytest.approx(area)
    assert ours.spread() == pytest.approx(error, rel=0.03)


def test_obuchowski_counts_twins_and_ours_do_not() -> None:
    # Twins differ by a little in the right direction, pairs by much in none.
    generator = np.random.default_rng(0)
    positive = np.tile([True, False], 5)
    scores = np.repeat(generator.normal(size=5), 2) + 0.01 * positive
    cluster = np.repeat(np.arange(5), 2)
    assert obuchowski(scores, positive, cluster)[0] == pytest.approx((10 + 5) / 25)
    assert auroc_statistic(scores, positive, Groups.from_labels(cluster.tolist())).value == pytest.approx(0.5)


def by_hand(scores: Floats, positive: np.ndarray, group: np.ndarray, stratum: np.ndarray) -> float:
    """Sum of products of residuals over dyads that share a group, every pair of dyads by itself."""
    strata = np.unique(stratum)
    wins: dict[int, dict[tuple[int, int], float]] = {s: {} for s in strata}
    counts: dict[int, dict[tuple[int, int], float]] = {s: {} for s in strata}
    for i in np.flatnonzero(positive):
        for j in np.flatnonzero(~positive):
            if stratum[i] == stratum[j] and group[i] != group[j]:
                s, dyad = stratum[i], (min(group[i], group[j]), max(group[i], group[j]))
                won = 0.5 if scores[i] == scores[j] else float(scores[i] > scores[j])
                wins[s][dyad] = wins[s].get(dyad, 0.0) + won
                counts[s][dyad] = counts[s].get(dyad, 0.0) + 1
    ranked = [s for s in strata if counts[s]]
    total = sum((stratum == s).sum() for s in ranked)
    share = {s: (stratum == s).sum() / total for s in ranked}
    area = {s: sum(wins[s].values()) / sum(counts[s].values()) for s in ranked}
    overall = sum(share[s] * area[s] for s in ranked)
    residuals: dict[tuple[int, int], float] = {}
    for s in ranked:
        n = sum(counts[s].values())
        apart = sum(a * b for d, a in counts[s].items() for e, b in counts[s].items() if not set(d) & set(e)) / n**2
        own = apart >= 0.5
        centre, left = (area[s], apart) if own else (overall, max(apart, 1 - share[s]))
        for dyad in counts[s]:
            scale = share[s] / n / math.sqrt(left) if left > 1e-12 else math.nan
            residuals[dyad] = residuals.get(dyad, 0.0) + scale * (wins[s][dyad] - centre * counts[s][dyad])
    variance = sum(r * r for r in residuals.values()) + 2 * sum(
        residuals[d] * residuals[e] for d, e in combinations(residuals, 2) if set(d) & set(e)
    )
    by_group = [sum(r for d, r in residuals.items() if g in d) for g in np.unique(group)]
    return math.sqrt(max(variance, sum(each**2 for each in by_group) / 2))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), n_strata=st.integers(1, 4), n_groups=st.integers(3, 14))
def test_the_error_is_the_sum_over_dyads_that_share_a_group(seed: int, n_strata: int, n_groups: int) -> None:
    generator = np.random.default_rng(seed)
    n = 30
    group, stratum = generator.integers(0, n_groups, size=n), generator.integers(0, n_strata, size=n)
    positive, scores = generator.random(n) < 0.5, generator.integers(0, 6, size=n).astype(float)
    ours = auroc_statistic(scores, positive, Groups.from_labels(group.tolist()), stratum.tolist())
    if isinstance(ours.value, float):
        assert ours.spread() == pytest.approx(by_hand(scores, positive, group, stratum), abs=1e-9, nan_ok=True)


@pytest.mark.parametrize(("n_pairs", "correlation"), [(2, 0.3), (5, 0.99), (60, 0.3)])
def test_the_error_is_what_draws_show(n_pairs: int, correlation: float) -> None:
    values, errors = [], []
    for seed in range(150):
        generator = np.random.default_rng(seed)
        shared = np.repeat(generator.normal(size=60), 2)
        scores = np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * generator.normal(size=120)
        groups = Groups(np.repeat(np.arange(60), 2), 60)
        found = auroc_statistic(scores, np.tile([True, False], 60), groups, (groups.index // n_pairs).tolist())
        values.append(float(found.value))  # type: ignore[arg-type]
        errors.append(found.spread())
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(values), rel=0.2)


def test_large_strata_are_measured_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    positive, scores = np.tile([True, False], 80), generator.normal(size=160)
    groups = Groups(np.repeat(np.arange(80), 2), 80)
    whole = auroc_statistic(scores, positive, groups).spread()
    monkeypatch.setattr("vulnscope.stats.dyads._CHUNK_ENTRIES", 700)
    assert auroc_statistic(scores, positive, groups).spread() == pytest.approx(whole)
    # Without the self-products of dyads it is wider, by about the share of one group.
    monkeypatch.setattr("vulnscope.stats.dyads.MAX_DYADS", 79)
    assert whole < auroc_statistic(scores, positive, groups).spread() < 1.1 * whole
