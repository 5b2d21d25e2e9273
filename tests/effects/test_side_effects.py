"""What an intervention costs elsewhere: formulas on small tables, and edits that change nothing or much."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.ask.builders import make_pairs, tiny_subject

from vulnscope.ask.selection import open_protocol
from vulnscope.ask.settings import Selection
from vulnscope.corpora.code.text import is_python
from vulnscope.effects import costs as module
from vulnscope.effects.costs import SideEffectMaterial, measure_costs, prepare_costs
from vulnscope.effects.side_effects import Ordinary, compare_ordinary, measure_side_effects, ordinary_functions
from vulnscope.models import Item, add
from vulnscope.models.text.selectors import part
from vulnscope.records.base import NotMeasured
from vulnscope.store import open_run

SUBJECT = tiny_subject()

PUSH = torch.randn(SUBJECT.architecture.d_model, generator=torch.Generator().manual_seed(0)) * 20
NOTHING = add("0.resid_post", PUSH, 0.0, "last", unit="raw")


@pytest.fixture(scope="module")
def material() -> SideEffectMaterial:
    protocol = open_protocol(SUBJECT, Selection())
    return prepare_costs(SUBJECT, protocol, [pair for pair in make_pairs(4) if pair.label == "fixed"], None, 0)


def test_kl_and_perplexity_of_a_small_table() -> None:
    clean, after = torch.tensor([[0.5, 0.5], [0.9, 0.1]]).log(), torch.tensor([[0.25, 0.75], [0.9, 0.1]]).log()
    found = compare_ordinary(clean, after, Ordinary((Item((1,)), Item((1,))), (0, 1)))
    kl = (0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)) / 2
    before, now = (math.exp(-(math.log(first) + math.log(0.1)) / 2) for first in (0.5, 0.25))
    assert found == pytest.approx((kl, before, now), rel=1e-5)


def test_without_ordinary_code_nothing_is_measured() -> None:
    empty = torch.empty(0, 0)
    assert all(isinstance(each, NotMeasured) for each in compare_ordinary(empty, empty, Ordinary((), ())))


def test_an_edit_that_adds_nothing_costs_nothing(material: SideEffectMaterial) -> None:
    found = measure_side_effects(SUBJECT, [NOTHING], *material)
    assert found.kl_nats == pytest.approx(0.0, abs=1e-6)
    assert found.perplexity_edited == pytest.approx(found.perplexity_clean)
    assert found.off_target_edited == found.off_target_clean
    assert found.parses_edited == found.parses_clean
    assert (found.n_questions, found.n_positions) == (4, len(material.probes.ordinary.following))


def test_a_push_costs_more_the_further_it_goes(material: SideEffectMaterial) -> None:
    near, far = (
        measure_side_effects(SUBJECT, [add("0.resid_post", PUSH, scale, "last", unit="raw")], *material).kl_nats
        for scale in (0.1, 1.0)
    )
    assert isinstance(near, float)
    assert isinstance(far, float)
    assert 0 < near < far


def test_tokens_of_the_studied_code_do_not_exist_elsewhere(material: SideEffectMaterial) -> None:
    found = measure_side_effects(SUBJECT, [add("0.resid_post", PUSH, 1.0, "changed", unit="raw")], *material)
    assert isinstance(found.kl_nats, NotMeasured)
    assert isinstance(found.parses_edited, NotMeasured)
    assert found.off_target_edited == found.off_target_clean


def test_an_edit_of_the_code_applies_to_code_and_to_questions_about_it(material: SideEffectMaterial) -> None:
    found = measure_side_effects(SUBJECT, [add("0.resid_post", PUSH, 1.0, part("code"), unit="raw")], *material)
    assert isinstance(found.kl_nats, float)
    assert isinstance(found.parses_edited, NotMeasured), "a head is no part called code"


def test_what_a_run_holds_is_not_measured_again(
    material: SideEffectMaterial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = {"subject_digest": "s", "corpus_digest": "c", "code": "x"}
    with open_run(tmp_path, "steer", Selection(), seed=0, device="cpu", versions={}, **digests) as run:
        first = measure_costs(SUBJECT, "push", [NOTHING], material, run)

        def fail(*_: Any) -> None:
            raise AssertionError("measured again")

        monkeypatch.setattr(module, "measure_side_effects", fail)
        assert measure_costs(SUBJECT, "push", [NOTHING], material, run) == first
        assert run.n_rows == 1
        with pytest.raises(AssertionError, match="again"):
            measure_costs(SUBJECT, "another", [NOTHING], material, run)


def test_ordinary_functions_are_whole_and_drawn_by_seed() -> None:
    first = ordinary_functions(None, 0)
    assert first == ordinary_functions(None, 0)
    assert first != ordinary_functions(None, 1)
    assert all(is_python("", code) for code in first)
