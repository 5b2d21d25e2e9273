"""Answers in words: what was asked for, what a model wrote, how it was read, and the state of every answer.

A verdict exists only where the state is "parsed". Rows keep the whole text and what it was expected to hold, so a
finished run is parsed again without the model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import fmean
from typing import Literal, Self

from pydantic import Field, model_validator

from vulnscope.records.base import Estimate, Number, Record
from vulnscope.records.rows import PromptAnswer, SampleRow, Says, Truncation, VerdictRow

State = Literal["parsed", "unparsed", "refused", "cut"]
STATES: tuple[State, ...] = ("parsed", "unparsed", "refused", "cut")
MarginKind = Literal["log-odds", "text"]
Match = Literal["exact", "parent", "child", "none"]
MATCHES: tuple[Match, ...] = ("exact", "parent", "child", "none")
Form = Literal["verdict", "yes-no", "options", "weakness", "lines"]

NONE = "none"
"""The meaning of an option or a weakness that says there is none."""
COMBINED = "combined"
"""Protocol of the rows of an ensemble."""
VOTES: Mapping[Says, float] = {"vulnerable": 1.0, "fixed": -1.0, "unparsed": 0.0}
"""What stands for a margin where answers have no log-odds."""


class Option(Record):
    """One listed answer: the label a model repeats, and what it means."""

    label: str = Field(min_length=1, description="e.g. A")
    meaning: str = Field(description="vulnerable | fixed | a CWE | none")


class Expectation(Record):
    """The form an answer was asked for; enough to parse it again."""

    form: Form = Field(
        description="verdict: a last line 'Verdict: ...'; yes-no: begins with yes or no; options: one of the labels; "
        "weakness: a last line 'Weakness: CWE-n' or none; lines: a last line 'Lines: 3-5' or none"
    )
    options: tuple[Option, ...] = ()
    yes_means: Literal["vulnerable", "fixed"] = "vulnerable"

    @property
    def meanings(self) -> dict[str, str]:
        """What each label means: yes and no, or the listed options."""
        if self.form == "yes-no":
            return {"yes": self.yes_means, "no": "fixed" if self.yes_means == "vulnerable" else "vulnerable"}
        return {option.label: option.meaning for option in self.options}


class Parsed(Record):
    """What a parser found in a text."""

    state: State
    says: Says = "unparsed"
    cwes: tuple[str, ...] = Field(default=(), description="weaknesses named, best first; () where none")
    lines: tuple[int, ...] = Field(default=(), description="lines named, ascending")

    @model_validator(mode="after")
    def _no_verdict_without_parse(self) -> Self:
        if (self.says == "unparsed") != (self.state != "parsed"):
            raise ValueError(f"an answer that is {self.state} cannot say {self.says}")
        return self


class TextAnswer(Record):
    """One answer to one prompt: what was written, or how listed options scored, and how that was read."""

    prompt: str = Field(description="name of the prompt in the protocol")
    repeat: int = Field(default=0, ge=0)
    temperature: float = Field(default=0.0, ge=0)
    seed: int | None = Field(default=None, description="of the sampling; None where greedy")
    turns: tuple[str, ...] = Field(default=(), description="what the model wrote, turn by turn")
    is_finished: bool = Field(default=True, description="False where the longest allowed answer was reached")
    expects: Expectation
    state: State
    says: Says
    cwes: tuple[str, ...] = ()
    cwe_match: Match | None = Field(default=None, description="first CWE named against the labels, in CWE-1000")
    lines: tuple[int, ...] = Field(default=(), description="lines named, numbered as in the whole file")
    log_odds: float | None = Field(default=None, description="nats, > 0 leans to vulnerable; None for text")
    n_prompt_tokens: int = Field(ge=0, description="0 where nothing was asked or the server does not say")
    n_new_tokens: int = Field(default=0, ge=0)
    cut: Truncation | None = None
    note: str = Field(default="", description="why nothing was asked, or what the server said")
    has_impossible: bool = Field(
        default=False, description="whether the server gave log-probabilities that cannot be, so that the text was read"
    )


class AnswerRow(SampleRow):
    """What one model said about one sample in a protocol of texts or listed options.

    `margin`, `acquiescence`, `mean_margin`, `says` and `cut` stand where `VerdictRow` has them. With the read-out
    "log-odds" margins are nats. With "text" they are votes: +1 vulnerable, -1 fixed, 0 for no verdict.
    """

    parser: str
    readout: MarginKind
    answers: tuple[TextAnswer, ...] = Field(min_length=1, description="canonical prompt and first repeat first")
    margin: float = Field(description="of the canonical prompt")
    acquiescence: float | None = Field(description="lean to the first-listed option or to yes; None where not asked")
    mean_margin: float = Field(description="over all answers: a read-out, not what the model says")
    says: Says = Field(description="the canonical answer")
    state: State = Field(description="of the canonical answer")
    n_prompt_tokens: int
    cut: Truncation | None = None

    @property
    def readings(self) -> tuple[()]:
        """None: no question was scored as yes and no."""
        return ()

    @property
    def rank_score(self) -> float:
        """What the row is ranked by: its margin; NaN where an answer in words has no verdict, which ranks nothing.

        A tied vote of an ensemble is a score like any other.
        """
        return math.nan if self._is_in_words and self.says == "unparsed" else self.margin

    @property
    def mean_rank_score(self) -> float:
        """What the row is ranked by over all answers: in words those with a verdict alone, NaN where none has one."""
        if not self._is_in_words:
            return self.mean_margin
        votes = [VOTES[answer.says] for answer in self.answers if answer.says != "unparsed"]
        return fmean(votes) if votes else math.nan

    @property
    def _is_in_words(self) -> bool:
        return self.readout == "text" and self.protocol != COMBINED

    @property
    def decided_by(self) -> float | None:
        """Log-odds of the canonical answer; None for texts, and where runs were put together."""
        return self.answers[0].log_odds if self.readout == "log-odds" and self.protocol != COMBINED else None

    def as_votes(self) -> Self:
        """The row with votes for margins."""
        votes = {"margin": VOTES[self.says], "mean_margin": fmean(VOTES[answer.says] for answer in self.answers)}
        return self.model_copy(update={"readout": "text", "acquiescence": None, **votes})

    def by_prompt(self) -> dict[str, PromptAnswer]:
        """The first answer to each prompt, with its log-odds, or its vote where it has none."""
        first = {answer.prompt: answer for answer in reversed(self.answers)}
        return {
            name: PromptAnswer(first[name].says, self._score(first[name]))
            for name in dict.fromkeys(answer.prompt for answer in self.answers)
        }

    def _score(self, answer: TextAnswer) -> float:
        if self.readout == "log-odds" and answer.log_odds is not None:
            return answer.log_odds
        return math.nan if answer.says == "unparsed" and self.protocol != COMBINED else VOTES[answer.says]


Row = VerdictRow | AnswerRow


def read_row(values: dict[str, object]) -> Row:
    """A stored row as the record it was written from."""
    return (AnswerRow if "answers" in values else VerdictRow).model_validate(values)


class PromptFigures(Record):
    """One prompt's answers over all samples, at one temperature, first repeats only."""

    prompt: str
    temperature: float
    n: int
    states: dict[str, int] = Field(description="answers by state")
    yes_rate: Estimate = Field(
        description="share of all answers that say vulnerable; in results of earlier versions of the parsed ones"
    )
    accuracy: Estimate = Field(description="unparsed, refused and cut count as wrong")
    pair_correct: Estimate
    pair_correct_chance: Number


class Stability(Record):
    """How far repeats of one prompt at one temperature agree."""

    prompt: str
    temperature: float
    n_repeats: int
    same_verdict: Estimate = Field(description="share of samples with one verdict in all repeats, none missing")
    always_right: Estimate = Field(description="share of samples with the right verdict in all repeats")
    n_silent: int | None = Field(default=None, description="samples with no verdict in some repeat: never the same")


class WeaknessFigures(Record):
    """How the CWE named first relates to the labels, over vulnerable samples with a CWE; shares sum to 1."""

    n: int
    exact: Estimate
    parent: Estimate = Field(description="a direct parent of a label in CWE-1000")
    child: Estimate = Field(description="a direct child of a label")
    none: Estimate = Field(description="unrelated, nothing named, or no verdict")


class LineFigures(Record):
    """Lines named against changed lines, over vulnerable samples with changed lines; means over samples."""

    n: int
    hit: Estimate = Field(description="share of samples with at least one changed line named")
    precision: Estimate = Field(description="of named lines the changed ones; 0 where none is named")
    recall: Estimate = Field(description="of changed lines the named ones")
    share_named: Estimate = Field(description="of all lines the named ones: what naming at random would recall")


class AnswerFigures(Record):
    """What only answers in words have: figures per prompt, and per what the protocol asks besides a verdict."""

    parser: str
    states: dict[str, int] = Field(description="all answers by state")
    n_impossible: int = Field(default=0, ge=0, description="answers with log-probabilities that cannot be")
    prompts: tuple[PromptFigures, ...]
    stability: tuple[Stability, ...] = ()
    weaknesses: WeaknessFigures | None = None
    lines: LineFigures | None = None
