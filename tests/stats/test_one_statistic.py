"""A figure and its interval are one statistic: both are made in one place, from one function of the groups."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vulnscope
from vulnscope.stats import (
    AurocStatistic,
    Bootstrap,
    Floats,
    Groups,
    Statistic,
    auroc_statistic,
    average_precision_statistic,
    balanced_accuracy_statistic,
    estimate,
    matthews_statistic,
    mean_statistic,
    recall_statistic,
    subtract,
)

SOURCE = Path(vulnscope.__file__).parent
MAKERS = {"stats/intervals.py": "_state", "records/base.py": "not_measured"}
MOVERS = {("stats/intervals.py", name) for name in ("map_estimate", "drop_interval", "fix_by_definition")}


def _functions() -> Iterator[tuple[str, str, ast.Call]]:
    """Every call of the package: file, function around it, call."""
    for path in SOURCE.rglob("*.py"):
        for outer in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(outer, ast.FunctionDef):
                for node in ast.walk(outer):
                    if isinstance(node, ast.Call):
                        yield path.relative_to(SOURCE).as_posix(), outer.name, node


def test_estimates_are_made_in_one_place() -> None:
    found = {
        (place, name)
        for place, name, call in _functions()
        if getattr(call.func, "id", getattr(call.func, "attr", "")) == "Estimate"
    }
    assert found == set(MAKERS.items())


def test_nobody_else_moves_the_end_of_an_interval() -> None:
    found = set()
    for place, name, call in _functions():
        if getattr(call.func, "attr", "") in ("model_copy", "_replace"):
            keys = {
                key.value
                for part in ast.walk(call)
                if isinstance(part, ast.Dict)
                for key in part.keys
                if isinstance(key, ast.Constant)
            }
            keys |= {each.arg for each in call.keywords}
            if keys & {"low", "high"}:
                found.add((place, name))
    assert found <= MOVERS


BUILD: dict[str, Callable[[Floats, np.ndarray, Groups, list[int]], Statistic]] = {
    "AUROC": lambda scores, labels, groups, strata: auroc_statistic(scores, labels, groups, strata),
    "difference of AUROCs": lambda scores, labels, groups, strata: subtract(
        auroc_statistic(scores, labels, groups, strata), auroc_statistic(scores[::-1], labels, groups, strata)
    ),
    "mean AUROC": lambda scores, labels, groups, strata: AurocStatistic.average(
        [auroc_statistic(scores, labels, groups, strata), auroc_statistic(-scores, ~labels, groups)]
    ),
    "mean": lambda scores, _, groups, __: mean_statistic(scores, groups),
    "difference of means": lambda scores, labels, groups, _: subtract(
        mean_statistic(scores, groups), mean_statistic(labels, groups)
    ),
    "balanced accuracy": lambda scores, labels, groups, _: balanced_accuracy_statistic(labels, scores > 0, groups),
    "Matthews correlation": lambda scores, labels, groups, _: matthews_statistic(labels, scores > 0, groups),
    "average precision": lambda scores, labels, groups, _: average_precision_statistic(scores, labels, groups),
    "recall": lambda scores, labels, groups, _: recall_statistic(scores, labels, groups, 0.1),
}


@pytest.mark.parametrize("name", BUILD)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n_groups=st.sampled_from([3, 12, 40]), is_jackknifed=st.booleans())
def test_the_value_is_the_statistic_with_every_group_once(
    name: str, seed: int, n_groups: int, is_jackknifed: bool
) -> None:
    generator = np.random.default_rng(seed)
    groups = Groups.from_labels(generator.integers(0, n_groups, size=3 * n_groups).tolist())
    scores, labels = generator.integers(-2, 3, size=groups.n_items) * 1.0, generator.random(groups.n_items) < 0.5
    statistic = BUILD[name](scores, labels, groups, generator.integers(0, 3, size=groups.n_items).tolist())
    found = estimate(statistic, groups, Bootstrap(n_draws=50), is_jackknifed=is_jackknifed)
    value = float(statistic(np.ones((1, groups.n_groups)))[0])
    if np.isnan(value):
        assert not isinstance(found.value, float)
    else:
        assert found.value == pytest.approx(value)
