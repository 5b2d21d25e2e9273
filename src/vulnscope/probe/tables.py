"""Layer by pooling, one by one, and the read-outs that are shown where the change is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from vulnscope.ask.figures.paired_scores import ScoreTable, measure_auroc
from vulnscope.ask.scored.items import find_windows
from vulnscope.probe.against import hold_against
from vulnscope.probe.decoding import Decoded, read_rule
from vulnscope.probe.folds import Folds
from vulnscope.probe.harvest import CHANGED, ORACLES, POOLS
from vulnscope.probe.material import Material, window_texts
from vulnscope.probe.nested import METHODS, Feature, cross_validate
from vulnscope.probe.surface import EMBEDDING, build_surface
from vulnscope.records.probe import Cell, Oracle

if TYPE_CHECKING:
    from vulnscope.corpora import Sample
    from vulnscope.stats import Bootstrap, Floats


def measure_cells(
    material: Material, decoded: Decoded, folds: Folds, kept: np.ndarray, bootstrap: Bootstrap
) -> tuple[Cell, ...]:
    """Every layer and pooling by itself, the embedding and the oracle pool included."""
    pools = [pool for pool in POOLS if pool not in ORACLES]
    scored = {
        (layer, pool): decoded.probe.by_feature[place]
        for place, (pool, layer) in enumerate((pool, layer) for pool in pools for layer in material.layers)
    }
    labels = material.items.is_vulnerable[:, None]
    embedded = cross_validate(material.embedding(), labels, folds).by_feature
    scored |= {(-1, pool): embedded[place] for place, pool in enumerate(pools)}
    has = material.activations.has[CHANGED]
    if (own := _fold_part(folds, has)) is not None:
        features = [_cut(feature, has) for feature in (*material.embedding([CHANGED]), *material.features([CHANGED]))]
        found = cross_validate(features, labels[has], own).by_feature
        for place, layer in enumerate((-1, *material.layers)):
            whole = np.full((len(METHODS), len(has)), np.nan)
            whole[:, has] = found[place]
            scored[layer, CHANGED] = whole
    measured = material.items.part(kept)
    return tuple(
        Cell(
            layer=layer,
            pooling=pool,
            is_oracle=pool in ORACLES,
            method=method,
            auroc=measure_auroc(own[place][kept], measured, bootstrap, folds.n_outer),
        )
        for (layer, pool), own in sorted(scored.items(), key=lambda item: (list(POOLS).index(item[0][1]), item[0][0]))
        for place, method in enumerate(METHODS)
    )


def measure_oracles(
    material: Material,
    scores: Floats,
    decoded: Decoded,
    folds: Folds,
    bootstrap: Bootstrap,
) -> tuple[Oracle, ...]:
    """Read-outs that are shown where the change is, with baselines that read the same tokens."""
    found = []
    has = material.activations.has[CHANGED]
    if (own := _fold_part(folds, has)) is not None:
        items = material.items.part(has)
        samples = [sample for sample, keep in zip(material.samples, has, strict=True) if keep]
        probe = read_rule([_cut(f, has) for f in material.features([CHANGED])], items, own).scores
        rules = _changed_baselines(material, samples, has)
        others = {name: read_rule(given, items, own).scores for name, given in rules.items()}
        found.append(
            _compare_oracle(
                "changed lines and two shared lines on each side", probe, others, items, bootstrap, folds.n_outer
            )
        )
    cut = ~material.is_whole
    if cut.any() and len(material.items.part(cut).twins()) >= 2:
        others = {name: rule.scores[cut] for name, rule in decoded.baselines.items()}
        name = "over-long twins under a window around their change"
        found.append(_compare_oracle(name, scores[cut], others, material.items.part(cut), bootstrap, folds.n_outer))
    return tuple(found)


def _changed_baselines(material: Material, samples: Sequence[Sample], has: np.ndarray) -> dict[str, list[Feature]]:
    texts = window_texts(samples, find_windows(samples))
    surface = build_surface(texts, material.tokenizer)
    return {
        **{feature.name: [feature] for feature in surface},
        EMBEDDING: [_cut(feature, has) for feature in material.embedding([CHANGED])],
    }


def _compare_oracle(
    name: str, scores: Floats, others: Mapping[str, Floats], items: ScoreTable, bootstrap: Bootstrap, n_folds: int
) -> Oracle:
    against = hold_against(scores, others, items, bootstrap, n_folds=n_folds, seed=bootstrap.seed)
    return Oracle(
        name=name,
        n_items=len(items),
        probe=measure_auroc(scores, items, bootstrap, n_folds),
        baseline=against.followed.name,
        baseline_auroc=measure_auroc(against.followed.scores, items, bootstrap, n_folds),
        difference=against.difference,
    )


def _fold_part(folds: Folds, is_kept: np.ndarray) -> Folds | None:
    """The same folds over the kept items; None where some part of a fold has become empty."""
    own = Folds(folds.outer[is_kept], tuple(inner[is_kept] for inner in folds.inner), folds.names)
    is_filled = all(
        (own.outer == fold).any() and set(range(int(folds.inner[fold].max()) + 1)) <= set(own.inner[fold].tolist())
        for fold in range(own.n_outer)
    )
    return own if is_filled else None


def _cut(feature: Feature, is_kept: np.ndarray) -> Feature:
    return Feature(feature.name, feature.values[is_kept], feature.is_standardised)
