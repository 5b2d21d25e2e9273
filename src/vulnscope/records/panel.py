"""What a subject says, knows and costs on held-out groups: one reading of a panel, as trainers and tables take it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vulnscope.records.base import Estimate, Number, Record


class Said(Record):
    """The answers to the canonical questions."""

    auroc: Estimate = Field(description="of the margin, within CWE and language")
    pair_correct: Estimate = Field(description="share of pairs with both greedy answers right")
    yes_rate: Estimate = Field(description="share called vulnerable of all; what has no answer counts")
    unparsed_rate: Estimate


class Known(Record):
    """A linear read-out of the hidden states, fitted and placed on other groups."""

    site: str = Field(description="chosen on the choose groups")
    selector: str
    auroc: Estimate = Field(description="within CWE and language")
    pair_rank: Estimate = Field(description="share of twins whose vulnerable side reads higher, ties 1/2")


class Drift(Record):
    """How far a subject is from the one a panel was prepared with, on ordinary code."""

    kl_nats: Number = Field(description="KL(prepared ‖ now) of the next token")
    perplexity_prepared: Number
    perplexity: Number
    n_positions: int


class PanelReading(Record):
    """What a subject says, knows and costs."""

    schema_version: Literal[1] = 1
    says: Said
    knows: Known
    costs: Drift
