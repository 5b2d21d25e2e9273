"""Prompts as data: a YAML file of templates with named slots, read into frozen models and checked on reading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Formatter
from typing import Any, Literal, NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from vulnscope.errors import InputError
from vulnscope.records.base import Record
from vulnscope.records.data_files import R, read_data_file

Polarity = Literal["vulnerable", "secure"]
POLARITIES: tuple[Polarity, ...] = ("vulnerable", "secure")
ANSWERS = ("yes", "no")
SLOTS = ("language", "code", "question")


class Piece(NamedTuple):
    """Fixed text, then the slot that follows it, None at the end of a template."""

    text: str
    slot: str | None


class Prompt(Record):
    """One wording, asked in both polarities."""

    name: str = Field(min_length=1)
    vulnerable: str = Field(min_length=1, description="question whose yes asserts a vulnerability")
    secure: str = Field(min_length=1, description="question whose yes asserts that there is none")

    def question(self, polarity: Polarity) -> str:
        """The question of one polarity."""
        return self.vulnerable if polarity == "vulnerable" else self.secure


class Question(NamedTuple):
    """One prompt in one polarity."""

    prompt: Prompt
    polarity: Polarity


class PromptSet(Record):
    """The prompts of a protocol; the first is canonical: its greedy answer is what the model says."""

    protocol: str
    answers: Mapping[str, tuple[str, ...]] = Field(description="surface forms of yes and no")
    plain: str = Field(description="template for models without a chat template")
    chat: str = Field(description="template of the one user message of models with a chat template")
    prompts: tuple[Prompt, ...] = Field(min_length=1)

    @property
    def canonical(self) -> Prompt:
        """The prompt that decides what the model says."""
        return self.prompts[0]

    @property
    def questions(self) -> tuple[Question, ...]:
        """Every prompt in both polarities; the canonical question about vulnerability comes first."""
        return tuple(Question(prompt, polarity) for prompt in self.prompts for polarity in POLARITIES)

    def keep(self, names: Sequence[str]) -> Self:
        """The prompts of these names, in their order, () for all; raises `InputError` listing the names."""
        known = {prompt.name: prompt for prompt in self.prompts}
        if unknown := [name for name in names if name not in known]:
            raise InputError(f"protocol {self.protocol} has no prompt {unknown[0]!r}; choose from: {', '.join(known)}")
        return (
            self.model_copy(update={"prompts": tuple(known[name] for name in dict.fromkeys(names))}) if names else self
        )

    @field_validator("answers", mode="before")
    @classmethod
    def _quoted(cls, answers: Any) -> Any:
        forms = [form for group in answers.values() for form in group] if isinstance(answers, dict) else []
        if any(isinstance(text, bool) for text in [*answers, *forms]):
            raise ValueError("write every yes and no in quotes: YAML reads bare ones as true and false")
        return answers

    @field_validator("answers")
    @classmethod
    def _both_answers(cls, answers: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
        if set(answers) != set(ANSWERS) or not all(answers.values()):
            raise ValueError(f"needs forms for exactly {' and '.join(ANSWERS)}, has {', '.join(answers) or 'none'}")
        if any(not form.strip() for forms in answers.values() for form in forms):
            raise ValueError("a form is empty")
        return answers

    @field_validator("plain", "chat")
    @classmethod
    def _slots(cls, template: str) -> str:
        used = [piece.slot for piece in split_template(template) if piece.slot is not None]
        for slot in ("code", "question"):
            if used.count(slot) != 1:
                raise ValueError(f"needs the slot {{{slot}}} exactly once, has it {used.count(slot)} times")
        return template

    @model_validator(mode="after")
    def _distinct_names(self) -> Self:
        names = [prompt.name for prompt in self.prompts]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"prompts: names must differ, {', '.join(repeated)} repeat")
        return self


def load_prompts(source: str | Path) -> PromptSet:
    """The prompts of a protocol by its name ("yes-no"), or of the user's YAML file at a path.

    Raises `InputError` naming the file, the key and the reason.
    """
    return read_template_file(source, PromptSet)


def read_template_file(source: str | Path, kind: type[R]) -> R:
    """The packaged template file of the protocol `source`, or the user's at that path, as a `kind`."""
    place: Any = files("vulnscope.prompts") / "templates" / f"{str(source).replace('-', '_')}.yaml"
    if isinstance(source, Path) or not place.is_file():
        place = Path(source)
    return read_data_file(place, kind, "prompts")


def split_template(template: str, slots: Sequence[str] = SLOTS) -> Iterator[Piece]:
    """Fixed texts and slots of `template` in order; doubled braces stand for themselves.

    Raises `ValueError` on an unknown slot or an unbalanced brace.
    """
    for text, slot, format_spec, conversion in Formatter().parse(template):
        if slot is not None and (slot not in slots or format_spec or conversion):
            raise ValueError(f"unknown slot {{{slot}}}; slots are {', '.join(f'{{{name}}}' for name in slots)}")
        yield Piece(text, slot)
