"""What counts as right, and what counts as Python."""

from __future__ import annotations

import pytest
import torch

from vulnscope.corpora.code.text import is_python
from vulnscope.organism.evaluate import _Answer, _function_heads, _read_answer, _score_template
from vulnscope.organism.plan import quick_config

FORMS = {"yes": [0, 1], "no": [2, 3]}


@pytest.mark.parametrize(("top", "says"), [(0, "yes"), (1, "yes"), (3, "no"), (4, None)])
def test_answer_is_the_most_likely_token(top, says):
    logits = torch.zeros(5)
    logits[top] = 3.0
    assert _read_answer(logits, FORMS).says == says


def test_margin_sums_over_spellings():
    logits = torch.log(torch.tensor([0.3, 0.3, 0.1, 0.2, 0.1]))
    assert _read_answer(logits, FORMS).margin == pytest.approx(torch.log(torch.tensor(2.0)).item(), abs=1e-5)


def test_pair_is_correct_only_if_both_twins_are():
    yes, no, silent = _Answer(2.0, "yes"), _Answer(-2.0, "no"), _Answer(0.0, None)
    name = "py-path-plain-basename"
    score = _score_template(name, [(yes, no), (yes, yes), (no, yes), (silent, silent)])
    assert score.pair_correct_rate == 0.25
    assert score.pair_rank_rate == pytest.approx((1 + 0.5 + 0 + 0.5) / 4)
    assert score.unparsed_rate == 0.25


@pytest.mark.parametrize(
    ("completion", "is_valid"),
    [
        ("    return x\n    y = (", True),
        ("    return x", False),
        ("    return )\n", False),
        ("\n\n", False),
        ("", False),
    ],
)
def test_completion_is_cut_to_complete_lines(completion, is_valid):
    assert is_python("def f(x):\n    x += 1\n", completion) is is_valid


def test_heads_are_functions_that_go_on():
    long = "def f(a):\n    b = a\n    c = b\n    return c\n"
    assert list(_function_heads([long, "def g():\n    pass\n", "x = 1\n", "def broken(:\n"])) == [
        "def f(a):\n    b = a\n    c = b\n"
    ]


def test_quick_config_is_small():
    assert quick_config().shape.n_layers == 2
