from __future__ import annotations

import numpy as np
import pytest
from tests.probe.builders import make_items

from vulnscope.ask.figures.paired_scores import measure_auroc
from vulnscope.probe.length import control_length
from vulnscope.records.base import NotMeasured
from vulnscope.stats import Bootstrap

BOOTSTRAP = Bootstrap(n_draws=300)


def test_a_probe_that_reads_length_falls_to_chance() -> None:
    items = make_items(120)
    generator = np.random.default_rng(0)
    lengths = np.repeat(generator.normal(size=120), 2) * 5
    is_shorter = np.repeat(generator.random(120) < 0.8, 2)
    lengths += np.where(items.is_vulnerable == is_shorter, -1.0, 1.0)
    found = control_length(-lengths, lengths, items, BOOTSTRAP)
    assert found.auroc.value == pytest.approx(0.5, abs=1e-4)
    assert isinstance(found.length_auroc, float)
    assert found.length_auroc > 0.5
    assert isinstance(found.effective_pairs, float)
    assert 1 < found.effective_pairs < 120


def test_a_probe_that_reads_something_else_keeps_its_area() -> None:
    items = make_items(120)
    generator = np.random.default_rng(1)
    lengths = generator.normal(size=240)
    scores = generator.normal(size=240) + 2.0 * items.is_vulnerable
    found = control_length(scores, lengths, items, BOOTSTRAP)
    assert isinstance(found.auroc.value, float)
    assert found.auroc.value > 0.8


def test_where_length_decides_everything_no_weights_help() -> None:
    items = make_items(40)
    lengths = np.where(items.is_vulnerable, 1.0, 2.0)
    found = control_length(-lengths, lengths, items, BOOTSTRAP)
    assert isinstance(found.auroc.value, NotMeasured)
    assert "no weighting of the pairs" in found.auroc.value.reason


def test_twins_of_equal_length_need_no_weights() -> None:
    items = make_items(33)
    generator = np.random.default_rng(2)
    lengths = np.repeat(generator.integers(1, 400, size=33).astype(float), 2)
    scores = generator.normal(size=66) + items.is_vulnerable
    found = control_length(scores, lengths, items, BOOTSTRAP)
    assert found.length_auroc == pytest.approx(0.5)
    assert found.effective_pairs == pytest.approx(33)
    assert found.auroc == measure_auroc(scores, items, BOOTSTRAP)
