"""What an intervention costs elsewhere: formulas on small tables, and edits that change nothing or much."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tests.ask.builders import make_pairs, make_sample, tiny_subject

from vulnscope.ask.preparing import open_protocol
from vulnscope.ask.scored.yes_no import YesNoProtocol
from vulnscope.ask.settings import Selection
from vulnscope.effects import side_effects
from vulnscope.effects.costs import SideEffectMaterial, prepare_costs
from vulnscope.effects.side_effects import (
    Ordinary,
    Probes,
    _heads,
    build_probes,
    compare_ordinary,
    measure_clean_side,
    measure_side_effects,
    ordinary_functions,
)
from vulnscope.models import Edit, TokenText, add, as_selector, edited, read_text
from vulnscope.models.text.selectors import part
from vulnscope.prompts import load_prompts
from vulnscope.records.base import NotMeasured

SUBJECT = tiny_subject()

PUSH = torch.randn(SUBJECT.architecture.d_model, generator=torch.Generator().manual_seed(0)) * 20
TEXTS = ("def f(a):\n    return a\n", "x = [1, 2]\n")
NOTHING = add("0.resid_post", PUSH, 0.0, "last", unit="raw")


def push(selector: str = "last", scale: float = 3.0) -> Edit:
    return add(1, torch.ones(32), scale=scale, selector=selector, unit="raw")


def make_probes(texts: tuple[str, ...] = TEXTS) -> Probes:
    """Positions alone: no questions and nothing to continue."""
    items = [read_text(SUBJECT.tokenizer, text) for text in texts]
    cut = tuple(TokenText(item.tokens[:-1], text=item.text, offsets=item.offsets[:-1]) for item in items)  # type: ignore[index]
    ordinary = Ordinary(cut, tuple(item.tokens[-1] for item in items))
    return Probes(ordinary, (), (), np.array([], dtype=bool), ())


@torch.inference_mode()
def next_token(item: TokenText, *edits: Edit) -> torch.Tensor:
    tokens = torch.tensor([item.tokens])
    if not edits:
        return SUBJECT.model(tokens).logits[0, -1].double().log_softmax(-1)
    with edited(SUBJECT, edits, [item]):
        return SUBJECT.model(tokens).logits[0, -1].double().log_softmax(-1)


@pytest.fixture(scope="module")
def material() -> SideEffectMaterial:
    protocol = open_protocol(SUBJECT, Selection())
    return prepare_costs(SUBJECT, protocol, [pair for pair in make_pairs(4) if pair.label == "fixed"], None, 0)


def test_kl_and_perplexity_of_a_small_table() -> None:
    clean, after = torch.tensor([[0.5, 0.5], [0.9, 0.1]]).log(), torch.tensor([[0.25, 0.75], [0.9, 0.1]]).log()
    found = compare_ordinary(clean, after, Ordinary((TokenText((1,)), TokenText((1,))), (0, 1)))
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


def test_divergence_and_perplexity_are_those_of_the_logits() -> None:
    probes = make_probes()
    found = measure_side_effects(SUBJECT, [push()], probes, measure_clean_side(SUBJECT, probes))
    pairs = [(next_token(item), next_token(item, push())) for item in probes.ordinary.cut]
    divergence = np.mean([float((clean.exp() * (clean - after)).sum()) for clean, after in pairs])
    assert divergence > 0.001
    assert found.kl_nats == pytest.approx(divergence, rel=1e-3)
    for side, value in ((0, found.perplexity_clean), (1, found.perplexity_edited)):
        logs = [each[side][token] for each, token in zip(pairs, probes.ordinary.following, strict=True)]
        loss = -np.mean([float(each) for each in logs])
        assert value == pytest.approx(np.exp(loss), rel=1e-4)
    assert (found.n_positions, found.n_questions, found.n_continuations) == (2, 0, 0)


def test_what_cannot_be_measured_says_why() -> None:
    probes = make_probes()
    clean = measure_clean_side(SUBJECT, probes)
    found = measure_side_effects(SUBJECT, [push(as_selector("changed"))], probes, clean)  # type: ignore[arg-type]
    missing = NotMeasured(reason="the edited tokens exist in the studied code only")
    assert found.kl_nats == found.perplexity_clean == found.perplexity_edited == missing
    assert found.off_target_clean == NotMeasured(reason="no grammar for the language of these samples")
    assert found.parses_clean == NotMeasured(reason="no head of a function leaves room for 50 tokens")
    none = make_probes(())
    bare = measure_side_effects(SUBJECT, [push()], none, measure_clean_side(SUBJECT, none))
    assert bare.kl_nats == NotMeasured(reason="no ordinary code long enough")


def test_probes_ask_about_loops_and_cut_ordinary_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        side_effects, "ordinary_functions", lambda *_: ["def f(a):\n    b = a\n    c = b\n    return c\n"] * 24
    )
    samples = [
        make_sample(0, "vulnerable", code="int f(int n) { while (n) n--; return n; }\n"),
        make_sample(1, "fixed", code="int f(int n) { return n; }\n"),
        make_sample(2, "fixed", code="for i in x:\n    print(i)\n", language="python"),
        make_sample(3, "fixed", code="fn f() {}", language="rust"),
    ]
    probes = build_probes(SUBJECT, YesNoProtocol(load_prompts("yes-no"), SUBJECT.tokenizer), samples, None, 0)
    assert probes.has_loop.tolist() == [True, False, True]
    assert [item.name for item in probes.questions] == [sample.id for sample in samples[:3]]
    assert all("Does this code contain a loop?" in (item.text or "") for item in probes.questions)
    assert len(probes.ordinary.cut) == len(probes.ordinary.following) == 24 * 3
    assert len(probes.heads) == 12
    for item, token in zip(probes.ordinary.cut, probes.ordinary.following, strict=True):
        whole = read_text(SUBJECT.tokenizer, item.text or "")
        assert len(item.tokens) >= 5
        assert whole.tokens[: len(item.tokens) + 1] == (*item.tokens, token)


def test_functions_of_ordinary_code_are_drawn_by_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side_effects, "_MODULES", ("fnmatch.py", "heapq.py"))
    one, same, other = (ordinary_functions(None, seed) for seed in (1, 1, 2))
    assert one == same != other
    assert sorted(one) == sorted(other)
    assert len(set(one)) == len(one) > 5
    assert all(code.startswith("def ") and 7 <= code.count("\n") <= 41 for code in one)


def test_heads_are_as_short_as_they_parse() -> None:
    body = 'def f(a):\n    """Text\n    of two lines."""\n    if a:\n        return 1\n    return 2\n'
    assert _heads([body]) == ["\n".join(body.split("\n")[:3]) + "\n"]
    opened = 'def f(a):\n    """Text\n    of\n    four\n    lines."""\n    return 2\n'
    assert _heads([opened]) == ["\n".join(opened.split("\n")[:5]) + "\n"]
    # Nothing would be left to be written.
    assert _heads(["def f(a):\n    b = a\n    return b\n"]) == []
