"""Labelled code as instructions: the plain prompts of the yes/no protocol and their right answers."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from vulnscope.corpora.samples import Sample
from vulnscope.prompts import POLARITIES, Polarity, Prompt, PromptSet, load_prompts, render


class Question(NamedTuple):
    """One prompt of the protocol in one polarity."""

    prompt: Prompt
    polarity: Polarity

    def answer(self, sample: Sample) -> str:
        """The right answer about a vulnerable or fixed sample, `yes` or `no`."""
        asserted = "vulnerable" if self.polarity == "vulnerable" else "fixed"
        return "yes" if sample.label == asserted else "no"


@cache
def list_questions() -> tuple[Question, ...]:
    """All prompts in both polarities; the first is the canonical question."""
    return tuple(Question(prompt, polarity) for prompt in _protocol().prompts for polarity in POLARITIES)


def answer_forms(answer: str) -> tuple[str, ...]:
    """Spellings of `yes` or `no`; the first is the usual one."""
    return _protocol().answers[answer]


def write_prompt(sample: Sample, question: Question) -> str:
    """The plain prompt up to the answer."""
    return render(_protocol(), question.prompt, question.polarity, language=sample.language, code=sample.code).text


@cache
def _protocol() -> PromptSet:
    return load_prompts("yes-no")
