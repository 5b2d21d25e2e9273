"""Prepared samples as the engine's items: tokens with the places of code, question and changed lines.

What captures, edits and patches select by. The prompts and their answers are those that `ask` scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vulnscope.ask.labels import log_sum_exp
from vulnscope.ask.scored.yes_no import greedy_answer
from vulnscope.corpora.code.diff import changed_window
from vulnscope.corpora.samples import find_pairs
from vulnscope.errors import InputError
from vulnscope.models import TokenText, read_prompt
from vulnscope.prompts import AnswerTokens, encode
from vulnscope.records.rows import SAYS

if TYPE_CHECKING:
    from vulnscope.ask.scored.preparation import Prepared
    from vulnscope.ask.scored.yes_no import YesNoProtocol
    from vulnscope.corpora import Sample
    from vulnscope.models import PromptScores, Subject
    from vulnscope.records.rows import Says


@dataclass(frozen=True)
class QuestionItems:
    """One question about every prepared sample: its items, in their order, and the answers to score after each."""

    items: tuple[TokenText, ...]
    answers: tuple[AnswerTokens, ...]


@dataclass(frozen=True)
class Verdict:
    """The canonical prompt's figures for one sample, as in a `VerdictRow`."""

    margin: float
    acquiescence: float
    says: Says
    label_mass: float = field(default=0.0, compare=False)


def ask_items(subject: Subject, protocol: YesNoProtocol, prepared: Prepared, question: int = 0) -> QuestionItems:
    """Items of question number `question` of the protocol: 0 is the canonical "vulnerable?", 1 its "secure?".

    Raises `InputError` where the items are not the tokens that `ask` scores.
    """
    windows = find_windows(prepared.samples)
    items = []
    for sample, request in zip(prepared.samples, prepared.requests.packed, strict=True):
        rendered = protocol.render(protocol.questions[question], sample.language, sample.code)
        (encoded,) = encode([rendered], subject.tokenizer, with_offsets=True)
        if encoded.token_ids != tuple(request.shared) + tuple(request.tails[question]):
            raise InputError(f"sample {sample.id!r}: the tokenizer reads the prompt in two ways; report the model")
        items.append(read_prompt(rendered, encoded, name=sample.id, changed_window=windows.get(sample.id)))
    return QuestionItems(tuple(items), tuple(request.answers[question] for request in prepared.requests.packed))


def find_windows(samples: Sequence[Sample]) -> dict[str, tuple[int, ...]]:
    """Lines of `changed` per sample of a pair, as shown: changed lines and two shared lines on each side.

    The window is the same in both twins, so that it exists for a twin without a changed line too.
    """
    windows: dict[str, tuple[int, ...]] = {}
    for _, vulnerable, fixed in find_pairs(samples):
        lines = changed_window(vulnerable.code, fixed.code)
        windows[vulnerable.id], windows[fixed.id] = lines.before, lines.after
    return {sample: window for sample, window in windows.items() if window}


def read_log_odds(answers: AnswerTokens, scores: PromptScores) -> tuple[float, float]:
    """Log-odds of yes against no in nats, and the probability of all answer forms together in nats."""
    yes, no = (
        log_sum_exp(value for value, answer in zip(scores.log_probs, answers.answers, strict=True) if answer == wanted)
        for wanted in ("yes", "no")
    )
    return yes - no, log_sum_exp((yes, no))


def read_verdict(answers: tuple[AnswerTokens, AnswerTokens], scores: tuple[PromptScores, PromptScores]) -> Verdict:
    """Margin, acquiescence and greedy answer from the scores of "vulnerable?" and "secure?" (MEASURES, "Say")."""
    (plus, mass), (minus, _) = (read_log_odds(*each) for each in zip(answers, scores, strict=True))
    says = SAYS[greedy_answer(answers[0], scores[0])]
    return Verdict((plus - minus) / 2, (plus + minus) / 2, says, mass)
