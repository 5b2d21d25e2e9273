"""One row per unit of work: a sample under a protocol and an intervention."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vulnscope.records.base import Record

Says = Literal["vulnerable", "fixed", "unparsed"]


class Cut(Record):
    """How an over-long sample was shortened to fit the context."""

    kind: Literal["changed-window", "function", "head"]
    first_line: int = Field(ge=1, description="first kept line of the original, 1-based")
    last_line: int
    n_lines: int = Field(description="lines of the original")


class Reading(Record):
    """One question's answer: log-odds of its "yes" against its "no", and what the model would type."""

    prompt: str = Field(description="name of the prompt in the protocol")
    polarity: Literal["vulnerable", "secure"] = Field(description="what a yes asserts")
    log_odds: float = Field(description="nats; > 0 leans to yes")
    label_mass: float = Field(ge=0, le=1.0001, description="probability of all label forms together")
    answer: Literal["yes", "no", "unparsed"] = Field(description="greedy first answer; a tie is unparsed")
    top_token: str = Field(description="the most likely first token, as text")


class VerdictRow(Record):
    """What one model said about one sample. Margins are in nats, positive towards vulnerable."""

    sample: str
    protocol: str
    intervention: str = "none"
    readings: tuple[Reading, ...]
    margin: float = Field(description="(m+ - m-)/2 of the canonical prompt")
    acquiescence: float = Field(description="(m+ + m-)/2 of the canonical prompt")
    mean_margin: float = Field(description="margin averaged over all prompts: a read-out, not what the model says")
    says: Says = Field(description="greedy answer to the canonical prompt asking for vulnerability")
    n_prompt_tokens: int
    cut: Cut | None = None
