"""Settings that all studies share; light, so that a request can be checked before any model library loads."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vulnscope.records.base import Record


class Selection(Record):
    """Which samples are asked, and with which prompts; the part of every study's settings that all share."""

    protocol: str = Field(default="yes-no", description="a registered protocol")
    prompts_file: str | None = Field(default=None, description="YAML of prompts in place of the protocol's own")
    prompts: tuple[str, ...] = Field(default=(), description="names of the prompts to ask, canonical first; () all")
    chat: bool | None = Field(default=None, description="use the chat template; None: where the tokenizer has one")
    opened_thought: Literal["close", "refuse", "keep"] = Field(
        default="close",
        description="a thought that a chat template opens before the answer: close, refuse, or keep it open",
    )
    limit: int | None = Field(default=None, ge=1, description="at most so many samples, whole pairs, drawn by seed")
    cwes: tuple[str, ...] = Field(default=(), description="keep samples with any of these, e.g. CWE-89; () keeps all")
    parts: tuple[str, ...] = Field(default=(), description="keep these parts of the corpus; () keeps all")
    languages: tuple[str, ...] = Field(default=(), description="keep these languages; () keeps all")
    seed: int = Field(default=0, ge=0, description="of every draw: samples, folds, bootstrap, permutations")
    n_bootstrap: int = Field(default=2000, ge=200, description="bootstrap draws per interval")
    max_batch_tokens: int | None = Field(default=None, ge=1, description="tokens per call; None: from free memory")
