"""The verdict layer by layer: the margin that each layer would give through the model's own head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from vulnscope.ask.figures.paired_scores import ScoreTable, measure_auroc
from vulnscope.errors import SubjectError
from vulnscope.models.subject.lens import read_lens
from vulnscope.records.probe import LensLayer

if TYPE_CHECKING:
    from vulnscope.models import Subject
    from vulnscope.prompts import AnswerTokens
    from vulnscope.stats import Bootstrap, Floats


_SIDES = ("yes", "no")


def read_layers(
    subject: Subject,
    hidden: tuple[Mapping[int, np.ndarray], Mapping[int, np.ndarray]],
    answers: tuple[Sequence[AnswerTokens], Sequence[AnswerTokens]],
    items: ScoreTable,
    is_measured: np.ndarray,
    bootstrap: Bootstrap,
) -> tuple[LensLayer, ...]:
    """AUROC of the lens margin at each layer, from states at the last tokens of "vulnerable?" and "secure?", by layer.

    Raises `SubjectError` where the answers begin with the same tokens, which one hidden state cannot tell apart, and
    where the subject cannot be entered above its last layer.
    """
    found = []
    for layer in hidden[0]:
        plus, minus = (_log_odds(subject, own[layer], asked) for own, asked in zip(hidden, answers, strict=True))
        margins = (plus - minus) / 2
        auroc = measure_auroc(margins[is_measured], items.part(is_measured), bootstrap)
        found.append(LensLayer(layer=layer, auroc=auroc, mean_margin=float(margins[is_measured].mean())))
    return tuple(found)


def _log_odds(subject: Subject, hidden: np.ndarray, answers: Sequence[AnswerTokens]) -> Floats:
    """Log-odds of yes against no in nats, by first tokens that only one of them has."""
    log_odds = np.empty(len(hidden))
    for asked in dict.fromkeys(answers):
        own = np.array([given == asked for given in answers], dtype=bool)
        first = [{s[0] for s, a in zip(asked.sequences, asked.answers, strict=True) if a == side} for side in _SIDES]
        sides = [sorted(first[0] - first[1]), sorted(first[1] - first[0])]
        if not all(sides):
            raise SubjectError("no logit lens: yes and no begin with the same tokens in this tokenizer")
        logits = read_lens(subject, torch.from_numpy(hidden[own]), [*sides[0], *sides[1]])
        yes, no = logits[:, : len(sides[0])].logsumexp(-1), logits[:, len(sides[0]) :].logsumexp(-1)
        log_odds[own] = (yes - no).numpy()
    return log_odds
