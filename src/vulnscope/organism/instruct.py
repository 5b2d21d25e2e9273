"""Labelled code as instructions: the prompts of the yes/no protocol with their right answers, as token ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import yaml

from vulnscope.corpora.samples import Sample

if TYPE_CHECKING:
    pass

POLARITIES = ("vulnerable", "secure")


@dataclass(frozen=True)
class Question:
    """One prompt of the protocol in one polarity."""

    prompt: str
    polarity: str
    text: str

    def answer(self, sample: Sample) -> str:
        """The right answer, `yes` or `no`."""
        return "yes" if sample.label == self.polarity or (self.polarity, sample.label) == ("secure", "fixed") else "no"


@cache
def _protocol() -> Mapping[str, Any]:
    text = files("vulnscope.prompts").joinpath("templates/yes_no.yaml").read_text(encoding="utf-8")
    protocol: Mapping[str, Any] = yaml.safe_load(text)
    return protocol


@cache
def list_questions() -> tuple[Question, ...]:
    """All prompts in both polarities; the first is the canonical question."""
    return tuple(
        Question(prompt["name"], polarity, prompt[polarity])
        for prompt in _protocol()["prompts"]
        for polarity in POLARITIES
    )


def answer_forms(answer: str) -> tuple[str, ...]:
    """Spellings of `yes` or `no`; the first is the usual one."""
    return tuple(_protocol()["answers"][answer])


def write_prompt(sample: Sample, question: Question) -> str:
    """The plain prompt up to the answer."""
    text: str = _protocol()["plain"]
    return text.format(language=sample.language, code=sample.code, question=question.text)
