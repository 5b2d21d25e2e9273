"""The lens at the last layer says what the model says, in the average of both questions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.ask.builders import tiny_subject
from tests.models.subjects import random_tokens
from tests.probe.builders import make_items

from vulnscope.ask.figures.paired_scores import measure_auroc
from vulnscope.effects.reading.lens import read_layers
from vulnscope.errors import SubjectError
from vulnscope.prompts import AnswerTokens
from vulnscope.stats import Bootstrap

N = 12
# Two forms of yes and one of no of their own; token 40 begins either and tells nothing.
ANSWERS = AnswerTokens(((10, 3), (11,), (20,), (40, 4), (40, 5)), ("yes", "yes", "no", "yes", "no"))
OTHER = AnswerTokens(((12,), (21,)), ("yes", "no"))


def run(seed: int) -> tuple[dict[int, np.ndarray], np.ndarray]:
    """States after the layers 1 and 2 at the last token of random prompts, and the logits there."""
    subject = tiny_subject()
    states: dict[int, list[np.ndarray]] = {1: [], 2: []}
    logits = []
    for row in random_tokens(*range(5, 5 + N), seed=seed):
        with torch.inference_mode():
            found = subject.model(torch.tensor([row]), output_hidden_states=True)
        kept: list[torch.Tensor] = []
        hook = subject.layers[2].register_forward_hook(lambda *given, kept=kept: kept.append(given[2]))
        with torch.inference_mode():
            subject.model(torch.tensor([row]))
        hook.remove()
        last = kept[0][0] if isinstance(kept[0], tuple) else kept[0]
        states[2].append(last[0, -1].numpy())
        states[1].append(found.hidden_states[2][0, -1].numpy())
        logits.append(found.logits[0, -1].double().numpy())
    return {layer: np.stack(each) for layer, each in states.items()}, np.stack(logits)


def log_odds(logits: np.ndarray, yes: list[int], no: list[int]) -> np.ndarray:
    odds: np.ndarray = np.log(np.exp(logits[:, yes]).sum(1) / np.exp(logits[:, no]).sum(1))
    return odds


def test_the_last_layer_says_what_the_model_says() -> None:
    items, bootstrap = make_items(N // 2), Bootstrap(n_draws=50)
    (plus, plus_logits), (minus, minus_logits) = run(1), run(2)
    is_measured = np.array([True] * 8 + [False] * 4)
    # The second half of the first question is answered in other words.
    answers = ([ANSWERS] * 6 + [OTHER] * 6, [ANSWERS] * N)
    below, last = read_layers(tiny_subject(), (plus, minus), answers, items, is_measured, bootstrap)
    first = np.concatenate([log_odds(plus_logits[:6], [10, 11], [20]), log_odds(plus_logits[6:], [12], [21])])
    margins = ((first - log_odds(minus_logits, [10, 11], [20])) / 2)[:8]
    assert (below.layer, last.layer) == (1, 2)
    assert last.mean_margin == pytest.approx(margins.mean(), abs=1e-4)
    assert last.auroc == measure_auroc(margins, items.part(is_measured), bootstrap)
    assert last.auroc.n == 4  # the other four are alone in their strata
    assert below.mean_margin != pytest.approx(last.mean_margin, abs=1e-3)


def test_answers_that_begin_alike_cannot_be_told_apart() -> None:
    alike = AnswerTokens(((40, 4), (40, 5)), ("yes", "no"))
    found, _ = run(1)
    with pytest.raises(SubjectError, match="yes and no begin with the same tokens"):
        read_layers(
            tiny_subject(),
            (found, found),
            ([alike] * N, [alike] * N),
            make_items(6),
            np.ones(N, bool),
            Bootstrap(),
        )
