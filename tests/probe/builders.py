"""Synthetic activations with known truth, shared by the tests of read-outs."""

from __future__ import annotations

import numpy as np

from vulnscope.ask.figures.paired_scores import ScoreTable
from vulnscope.probe.nested import Feature


def make_items(n_pairs: int, group_size: int = 1) -> ScoreTable:
    """Twins side by side, vulnerable first; `group_size` pairs per group."""
    return ScoreTable(
        is_vulnerable=np.tile([True, False], n_pairs),
        groups=tuple(f"g{pair // group_size}" for pair in range(n_pairs) for _ in "vf"),
        strata=tuple(((f"CWE-{pair % 3}",), "c") for pair in range(n_pairs) for _ in "vf"),
        pairs=tuple(f"p{pair}" for pair in range(n_pairs) for _ in "vf"),
    )


def make_feature(
    items: ScoreTable, effect: float, seed: int, n_columns: int = 8, name: str = "layer 0, mean"
) -> Feature:
    """Twins share a random point, with noise of their own; the first column moves by `effect` with the label."""
    generator = np.random.default_rng(seed)
    shared = np.repeat(generator.normal(size=(len(items) // 2, n_columns)), 2, axis=0)
    values = shared + generator.normal(size=(len(items), n_columns))
    values[:, 0] += effect * (items.is_vulnerable - 0.5)
    return Feature(name, values.astype(np.float32))
