from __future__ import annotations

import numpy as np
import pytest
from tests.effects.builders import make_margins
from tests.probe.builders import make_items

from vulnscope.effects.margins import Margins
from vulnscope.steer.choosing import ChosenGate, choose_best, choose_gate, mix
from vulnscope.steer.config import SteerConfig

ITEMS = make_items(60)


def test_the_best_goes_by_what_is_asked() -> None:
    biased, blind = make_margins(ITEMS, 4.0, bias=10.0), make_margins(ITEMS, 0.5)
    found = {"biased": biased, "blind": blind}
    assert choose_best(found, ITEMS, SteerConfig(choose_by="auroc")) == "biased"
    assert choose_best(found, ITEMS, SteerConfig(choose_by="pair-correct")) == "blind"


def test_a_gate_mixes_item_by_item() -> None:
    clean = Margins(np.array([1.0, 1.0]), ("vulnerable", "vulnerable"))
    edited = Margins(np.array([-1.0, -2.0]), ("fixed", "unparsed"))
    found = mix(clean, edited, np.array([0.0, 5.0]), ChosenGate(1.0, is_above=True))
    assert found.margins.tolist() == [1.0, -2.0]
    assert found.says == ("vulnerable", "unparsed")


def test_a_gate_that_helps_is_found() -> None:
    good, bad = make_margins(ITEMS, 6.0), make_margins(ITEMS, -6.0)
    read_out = np.where(np.arange(len(ITEMS)) < 60, -1.0, 1.0) + np.linspace(0, 0.1, len(ITEMS))
    clean = Margins(np.where(read_out < 0.5, good.margins, bad.margins), good.says)
    edited = Margins(np.where(read_out < 0.5, bad.margins, good.margins), good.says)
    gate = choose_gate(clean, edited, read_out, ITEMS, SteerConfig(choose_by="auroc"))
    assert gate.is_above
    assert mix(clean, edited, read_out, gate).margins == pytest.approx(good.margins, abs=40)
