"""Side effects are measured once each and kept in the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.ask.builders import begin_run, make_pairs, tiny_subject

from vulnscope.effects import costs
from vulnscope.effects.costs import SideEffectMaterial, measure_costs, prepare_costs
from vulnscope.records.base import NotMeasured
from vulnscope.records.steer import SideEffects
from vulnscope.steer.config import SteerConfig

FOUND = SideEffects(**{**dict.fromkeys(SideEffects.model_fields, 1), "kl_nats": NotMeasured(reason="x")})  # type: ignore[arg-type]


def test_the_first_samples_are_asked_about_and_the_clean_side_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    monkeypatch.setattr(costs, "build_probes", lambda *each: given.append(each) or "probes")
    monkeypatch.setattr(costs, "measure_clean_side", lambda *each: given.append(each) or "clean")
    samples = make_pairs(40)
    found = prepare_costs("subject", "protocol", samples, "folder", 7)  # type: ignore[arg-type]
    assert found == ("probes", "clean")
    assert given == [("subject", "protocol", samples[:64], "folder", 7), ("subject", "probes")]


def test_what_is_in_the_run_is_not_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    monkeypatch.setattr(costs, "measure_side_effects", lambda *each: given.append(each) or FOUND)
    prepared = SideEffectMaterial("probes", "clean")  # type: ignore[arg-type]
    subject = tiny_subject()
    with begin_run(tmp_path, SteerConfig()) as run:
        run.append([{"stage": "choose", "found": {}}])
        for name in ("one", "other", "one"):
            assert measure_costs(subject, name, ["edit"], prepared, run) == FOUND  # type: ignore[list-item]
        assert [row["stage"] for row in run.iter_rows()] == ["choose", "side effects: one", "side effects: other"]
    assert given == [(subject, ["edit"], "probes", "clean")] * 2
