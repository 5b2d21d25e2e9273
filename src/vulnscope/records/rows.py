"""One row per unit of work: a sample under a protocol and an intervention."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Literal, NamedTuple, Self

from pydantic import Field

from vulnscope.records.base import Record

Says = Literal["vulnerable", "fixed", "unparsed"]
SAYS: Mapping[str, Says] = {"yes": "vulnerable", "no": "fixed", "unparsed": "unparsed"}
"""What each answer to the question about a vulnerability says."""


class PromptAnswer(NamedTuple):
    """One prompt's verdict on one sample, and the score it ranks by, higher for vulnerable; NaN without a verdict."""

    says: Says
    score: float


class Truncation(Record):
    """How an over-long sample was shortened to fit the context."""

    kind: Literal["changed-window", "function", "head"]
    first_line: int = Field(ge=1, description="first kept line of the original, 1-based")
    last_line: int
    n_lines: int = Field(description="lines of the original")


class QuestionAnswer(Record):
    """One question's answer: log-odds of its "yes" against its "no", and what the model would type."""

    prompt: str = Field(description="name of the prompt in the protocol")
    polarity: Literal["vulnerable", "secure"] = Field(description="what a yes asserts")
    log_odds: float = Field(description="nats; > 0 leans to yes")
    label_mass: float = Field(ge=0, le=1.0001, description="probability of all label forms together")
    answer: Literal["yes", "no", "unparsed"] = Field(description="greedy first answer; a tie is unparsed")
    top_token: str = Field(description="the most likely first token, as text")


class SampleRow(Record):
    """What every row begins with."""

    sample: str
    protocol: str
    intervention: str = "none"


class VerdictRow(SampleRow):
    """What one model said about one sample. Margins are in nats, positive towards vulnerable."""

    readings: tuple[QuestionAnswer, ...]
    margin: float = Field(description="(m+ - m-)/2 of the canonical prompt")
    acquiescence: float = Field(description="(m+ + m-)/2 of the canonical prompt")
    mean_margin: float = Field(description="margin averaged over all prompts: a read-out, not what the model says")
    says: Says = Field(description="greedy answer to the canonical prompt asking for vulnerability")
    n_prompt_tokens: int
    cut: Truncation | None = None

    @property
    def readout(self) -> Literal["log-odds"]:
        """Margins are nats."""
        return "log-odds"

    @property
    def parser(self) -> Literal[""]:
        """None: there is no text to parse."""
        return ""

    @property
    def answers(self) -> tuple[()]:
        """None: nothing was written or listed."""
        return ()

    @property
    def rank_score(self) -> float:
        """What the row is ranked by."""
        return self.margin

    @property
    def mean_rank_score(self) -> float:
        """What the row is ranked by over all prompts."""
        return self.mean_margin

    @property
    def decided_by(self) -> float:
        """Log-odds of the canonical question, whose answer `says` is; the margin takes two questions."""
        return self.readings[0].log_odds

    def as_votes(self) -> Self:
        """The row itself: yes and no always have log-odds."""
        return self

    def by_prompt(self) -> dict[str, PromptAnswer]:
        """Each prompt's greedy answer to its question about vulnerability, and its margin of two polarities."""
        return {
            vulnerable.prompt: PromptAnswer(SAYS[vulnerable.answer], (vulnerable.log_odds - secure.log_odds) / 2)
            for vulnerable, secure in list(pairwise(self.readings))[::2]
        }
