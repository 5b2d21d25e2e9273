"""Scored labels: which one greedy decoding begins, and sums of probabilities in logs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vulnscope.models import PromptScores
    from vulnscope.prompts import AnswerTokens


def greedy_label(answers: AnswerTokens, scores: PromptScores) -> str:
    """The label that greedy decoding begins; "" where it begins with none, or where different answers tie.

    Spellings of one answer may tie: whichever comes first, that answer is given. A first token that two labels share
    decides nothing. What follows it is the likeliest form only where that form beats all other forms and everything
    that is no form together.
    """
    begun = {answers.answers_of(token) for token in scores.top_tokens}
    if len(begun) > 1 or not (labels := begun.pop()):
        return ""
    if len(labels) == 1:
        return next(iter(labels))
    if len(scores.top_tokens) > 1:
        return ""
    forms = zip(answers.sequences, answers.answers, scores.log_probs, strict=True)
    shares = sorted(
        (math.exp(log_prob - scores.top_log_prob), answer)
        for sequence, answer, log_prob in forms
        if sequence[0] == scores.top_tokens[0]
    )
    (second, _), (first, answer) = shares[-2:]
    others = 1 - sum(share for share, _ in shares)
    return answer if first > max(second, others) else ""


def sum_by_label(answers: AnswerTokens, scores: PromptScores) -> dict[str, float]:
    """Log-probability of each label: the sum over its forms."""
    forms: dict[str, list[float]] = {}
    for answer, log_prob in zip(answers.answers, scores.log_probs, strict=True):
        forms.setdefault(answer, []).append(log_prob)
    return {answer: log_sum_exp(values) for answer, values in forms.items()}


def log_sum_exp(values: Iterable[float]) -> float:
    """log of the sum of exponentials; the probability of disjoint events in logs."""
    numbers = list(values)
    largest = max(numbers)
    return largest + math.log(sum(math.exp(number - largest) for number in numbers))
