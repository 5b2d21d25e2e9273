"""What an intervention costs elsewhere, against the same figures from the plain model's logits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.ask.builders import make_sample, tiny_subject

from vulnscope.ask.yes_no import YesNoProtocol
from vulnscope.models import Edit, Item, add, as_selector, edited, read_text
from vulnscope.prompts import load_prompts
from vulnscope.records.base import NotMeasured
from vulnscope.steer import side_effects
from vulnscope.steer.side_effects import (
    Probes,
    _heads,
    _parses,
    build_probes,
    measure_clean_side,
    measure_side_effects,
    ordinary_functions,
)

SUBJECT = tiny_subject()
TEXTS = ("def f(a):\n    return a\n", "x = [1, 2]\n")


def push(selector: str = "last", scale: float = 3.0) -> Edit:
    return add(1, torch.ones(32), scale=scale, selector=selector, unit="raw")


def make_probes(texts: tuple[str, ...] = TEXTS) -> Probes:
    """Positions alone: no questions and nothing to continue."""
    items = [read_text(SUBJECT.tokenizer, text) for text in texts]
    cut = tuple(Item(item.tokens[:-1], text=item.text, offsets=item.offsets[:-1]) for item in items)  # type: ignore[index]
    return Probes(cut, tuple(item.tokens[-1] for item in items), (), (), np.array([], dtype=bool), ())


@torch.inference_mode()
def next_token(item: Item, *edits: Edit) -> torch.Tensor:
    tokens = torch.tensor([item.tokens])
    if not edits:
        return SUBJECT.model(tokens).logits[0, -1].double().log_softmax(-1)
    with edited(SUBJECT, edits, [item]):
        return SUBJECT.model(tokens).logits[0, -1].double().log_softmax(-1)


def test_divergence_and_perplexity_are_those_of_the_logits() -> None:
    probes = make_probes()
    found = measure_side_effects(SUBJECT, [push()], probes, measure_clean_side(SUBJECT, probes))
    pairs = [(next_token(item), next_token(item, push())) for item in probes.cut]
    divergence = np.mean([float((clean.exp() * (clean - after)).sum()) for clean, after in pairs])
    assert divergence > 0.001
    assert found.kl_nats == pytest.approx(divergence, rel=1e-3)
    for side, value in ((0, found.perplexity_clean), (1, found.perplexity_edited)):
        loss = np.mean([-float(each[side][token]) for each, token in zip(pairs, probes.following, strict=True)])
        assert value == pytest.approx(np.exp(loss), rel=1e-4)
    assert (found.n_positions, found.n_questions, found.n_continuations) == (2, 0, 0)


def test_no_edit_costs_nothing() -> None:
    probes = make_probes(TEXTS * 10)
    found = measure_side_effects(SUBJECT, [], probes, measure_clean_side(SUBJECT, probes))
    assert found.kl_nats == 0.0
    assert found.perplexity_clean == found.perplexity_edited


def test_what_cannot_be_measured_says_why() -> None:
    probes = make_probes()
    clean = measure_clean_side(SUBJECT, probes)
    found = measure_side_effects(SUBJECT, [push(as_selector("changed"))], probes, clean)  # type: ignore[arg-type]
    missing = NotMeasured(reason="the edited tokens exist in the studied code only")
    assert found.kl_nats == found.perplexity_clean == found.perplexity_edited == missing
    assert found.off_target_clean == NotMeasured(reason="no grammar for the language of these samples")
    assert found.parses_clean == NotMeasured(reason="no head of a function leaves room for 50 tokens")
    bare = measure_side_effects(SUBJECT, [push()], make_probes(()), clean)
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
    assert len(probes.cut) == len(probes.following) == 24 * 3
    assert len(probes.heads) == 12
    for item, token in zip(probes.cut, probes.following, strict=True):
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


@pytest.mark.parametrize(
    ("completion", "is_code"),
    [
        ("    return a\n", True),
        # What comes behind the last complete line is left out.
        ("    return a\nif (", True),
        ("    return (\n", False),
        ("    return a", False),
        ("  \n", False),
        ("    a = '\x00'\n", False),
    ],
)
def test_only_complete_lines_must_parse(completion: str, is_code: bool) -> None:
    assert _parses("def f(a):\n    b = a\n", completion) is is_code
