"""Prompts of conversations as data: system and user turns with named slots, and presets, checked on reading."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from vulnscope.errors import InputError
from vulnscope.prompts.templates import read_template_file, split_template
from vulnscope.records.answers import Form
from vulnscope.records.base import Record

SLOTS = ("language", "code", "weakness", "definition", "options", "ending")
Shots = Literal["none", "label", "reason", "steps"]


class DialoguePrompt(Record):
    """One wording of a protocol; several user turns are sent one after the other's answer."""

    name: str = Field(min_length=1)
    about: str = Field(default="", description="what is particular to it, for lists")
    form: Form = Field(description="the form of the answer it asks for")
    turns: tuple[str, ...] = Field(min_length=1, description="templates of the user's turns; the first holds the code")
    system: str | None = Field(default=None, description="template of the system message")
    shots: Shots = Field(default="none", description="examples before the question, and how they are answered")
    counterpart: str | None = Field(default=None, description="the prompt that asks the same with options reversed")
    is_reversed: bool = Field(default=False, description="lists its options in reverse")
    is_scored: bool = Field(default=False, description="labels are scored where the subject can; options always are")
    yes_means: Literal["vulnerable", "fixed"] = Field(default="vulnerable", description="what a yes asserts")
    is_numbered: bool = Field(default=False, description="shows the code with line numbers")

    @field_validator("turns")
    @classmethod
    def _code_once(cls, turns: tuple[str, ...]) -> tuple[str, ...]:
        used = [slot for turn in turns for slot in _slots(turn)]
        if used.count("code") != 1 or "code" not in _slots(turns[0]):
            raise ValueError("the first turn, and no other, needs the slot {code} once")
        return turns

    @field_validator("system")
    @classmethod
    def _no_code(cls, system: str | None) -> str | None:
        if system is not None and "code" in _slots(system):
            raise ValueError("the slot {code} belongs into the first turn")
        return system

    @property
    def slots(self) -> frozenset[str]:
        """Every slot that is filled somewhere in it."""
        return frozenset(slot for text in (self.system or "", *self.turns) for slot in _slots(text))

    def fill_system(self, slots: Mapping[str, str]) -> str | None:
        """The system message, None where there is none."""
        return None if self.system is None else fill(self.system, slots)

    def fill_turns(self, slots: Mapping[str, str]) -> tuple[str, ...]:
        """The user's turns."""
        return tuple(fill(turn, slots) for turn in self.turns)


class Preset(Record):
    """A named experiment: which samples, which prompts, how decoded. Empty tuples mean all."""

    about: str = ""
    parts: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    temperatures: tuple[float, ...] = (0.0,)
    repeats: int = Field(default=1, ge=1)


class DialogueSet(Record):
    """The prompts of a protocol; the first is canonical."""

    protocol: str
    prompts: tuple[DialoguePrompt, ...] = Field(min_length=1)
    options: Mapping[str, str] = Field(default={}, description="texts of fixed options by their meaning")
    ending: str = Field(default="", description="how to end an answer, for the slot {ending}")
    presets: Mapping[str, Preset] = Field(default={})

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the prompts in order."""
        return tuple(prompt.name for prompt in self.prompts)

    def find(self, name: str) -> DialoguePrompt:
        """The prompt of this name; raises `InputError` listing the names."""
        for prompt in self.prompts:
            if prompt.name == name:
                return prompt
        raise InputError(f"protocol {self.protocol} has no prompt {name!r}; choose from: {', '.join(self.names)}")

    def find_preset(self, name: str) -> Preset:
        """The preset of this name; raises `InputError` listing the names."""
        if name not in self.presets:
            choices = f"choose one of: {', '.join(self.presets)}" if self.presets else "it has none"
            raise InputError(f"protocol {self.protocol} has no preset {name!r}; {choices}")
        return self.presets[name]

    @model_validator(mode="after")
    def _names(self) -> Self:
        names = self.names
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"prompts: names must differ, {', '.join(repeated)} repeat")
        named = {prompt.counterpart for prompt in self.prompts if prompt.counterpart}
        named.update(name for preset in self.presets.values() for name in preset.prompts)
        if unknown := sorted(named - set(names)):
            raise ValueError(f"no prompt has the name {', '.join(unknown)}")
        return self


def load_dialogues(source: str | Path) -> DialogueSet:
    """The prompts of a protocol by its name, or of the user's YAML file at a path; errors as `load_prompts`."""
    return read_template_file(source, DialogueSet)


def fill(template: str, slots: Mapping[str, str]) -> str:
    """`template` with every slot filled."""
    pieces = split_template(template, SLOTS)
    return "".join(piece.text + (slots[piece.slot] if piece.slot is not None else "") for piece in pieces)


def _slots(template: str) -> list[str]:
    return [piece.slot for piece in split_template(template, SLOTS) if piece.slot is not None]
