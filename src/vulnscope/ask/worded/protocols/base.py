"""What protocols in words share: prompts from data, examples, listed options, and the options of the user."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, get_type_hints

from pydantic import BeforeValidator, ValidationError

from vulnscope.ask.asks import Ask, Message
from vulnscope.corpora.code.text import split_lines
from vulnscope.errors import InputError
from vulnscope.prompts import DialoguePrompt, DialogueSet
from vulnscope.records.answers import Expectation, Option
from vulnscope.records.base import Record

if TYPE_CHECKING:
    from vulnscope.corpora import Corpus, Sample
    from vulnscope.corpora.cwe.weaknesses import Weaknesses
    from vulnscope.records.rows import Says

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _split(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_split)]
"""A tuple of names that may be written with commas between them."""


@dataclass(frozen=True)
class Context:
    """What a protocol may look at when it is opened."""

    dialogues: DialogueSet
    corpus: Corpus
    samples: tuple[Sample, ...]
    """The samples that are to be asked."""
    find_folder: Callable[[str], Path | None]
    """The folder of a named data set, None where it is not known."""
    prompts: tuple[str, ...] = ()
    """Names of the prompts to ask, () for all."""
    seed: int = 0


class Shot(NamedTuple):
    """A worked example: code, its right answer, and the reasoning, "" where none is shown."""

    language: str
    code: str
    says: Says
    reason: str = ""


class Listed(NamedTuple):
    """A listed option and the text beside its label."""

    option: Option
    text: str


class DialogueProtocol:
    """A protocol whose prompts are a `DialogueSet`; subclasses say what fills slots, options and examples."""

    parser = "strict"
    is_about_own_weakness = False
    """Whether prompts name the weakness that is the sample's own, which ordinary code does not have."""

    def __init__(self, context: Context) -> None:
        self.dialogues = context.dialogues
        self.name = context.dialogues.protocol
        self.prompts = context.prompts or context.dialogues.names
        self._by_name = {name: context.dialogues.find(name) for name in self.prompts}

    @property
    def weaknesses(self) -> Weaknesses | None:
        """The catalogue that CWEs in answers are matched on, where the protocol asks for any."""
        return None

    @property
    def example_ids(self) -> frozenset[str]:
        """Samples shown as examples, which therefore are not asked."""
        return frozenset()

    def counterpart(self, prompt: str) -> str | None:
        """The prompt that asks the same with its options reversed."""
        return self._by_name[prompt].counterpart

    def is_scored(self, prompt: str) -> bool:
        """Whether answers to it are scored rather than written, where the subject can."""
        return self._by_name[prompt].form == "options" or self._by_name[prompt].is_scored

    def misses(self, sample: Sample, prompt: str) -> str:
        """Why `prompt` cannot be asked about `sample`; "" where it can."""
        del sample, prompt
        return ""

    def build(self, sample: Sample, prompt: str, first_line: int = 1) -> Ask:
        """`prompt` about `sample`, whose code begins at `first_line` of its file."""
        dialogue = self._by_name[prompt]
        listed = self._list(sample, dialogue)
        slots = {
            "ending": self.dialogues.ending,
            "options": "\n".join(f"{each.option.label}. {each.text}" for each in listed),
            **self.fill_slots(sample),
        }
        return Ask(
            prompt=prompt,
            messages=self._messages(sample, dialogue, slots, first_line),
            follow_ups=dialogue.fill_turns({**slots, "language": sample.language, "code": ""})[1:],
            expects=Expectation(
                form=dialogue.form, options=tuple(each.option for each in listed), yes_means=dialogue.yes_means
            ),
            scored=self.label_forms(dialogue) or {each.option.label: (each.option.label,) for each in listed},
        )

    def fill_slots(self, sample: Sample) -> Mapping[str, str]:
        """Texts of the slots {weakness} and {definition}, where the protocol has them."""
        del sample
        return {}

    def label_forms(self, prompt: DialoguePrompt) -> Mapping[str, Sequence[str]]:
        """Surface forms of the labels to score where they are other than those of listed options."""
        del prompt
        return {}

    def list_options(self, sample: Sample) -> Sequence[tuple[str, str]]:
        """Meaning and text of each listed option, in order."""
        del sample
        return tuple(self.dialogues.options.items())

    def find_shots(self, sample: Sample, prompt: DialoguePrompt) -> Sequence[Shot]:
        """The examples before a question."""
        del sample, prompt
        return ()

    def _list(self, sample: Sample, dialogue: DialoguePrompt) -> tuple[Listed, ...]:
        if dialogue.form != "options":
            return ()
        options = list(self.list_options(sample))
        ordered = options[::-1] if dialogue.is_reversed else options
        if len(ordered) > len(LETTERS):
            raise InputError(f"protocol {self.name}: {len(ordered)} options, at most {len(LETTERS)} can be listed")
        return tuple(
            Listed(Option(label=label, meaning=meaning), text)
            for label, (meaning, text) in zip(LETTERS, ordered, strict=False)
        )

    def _messages(
        self, sample: Sample, dialogue: DialoguePrompt, slots: Mapping[str, str], first_line: int
    ) -> tuple[Message, ...]:
        def question(language: str, code: str, first_line: int = 1) -> str:
            shown = number_lines(code, first_line) if dialogue.is_numbered else code
            return dialogue.fill_turns({**slots, "language": language, "code": shown.removesuffix("\n")})[0]

        system = dialogue.fill_system(slots)
        messages = [] if system is None else [Message("system", system)]
        for shot in self.find_shots(sample, dialogue) if dialogue.shots != "none" else ():
            messages.append(Message("user", question(shot.language, shot.code)))
            messages.append(Message("assistant", self._answer_shot(sample, dialogue, shot)))
        return (*messages, Message("user", question(sample.language, sample.code, first_line)))

    def _answer_shot(self, sample: Sample, dialogue: DialoguePrompt, shot: Shot) -> str:
        """The right answer about an example, in the form that is asked for."""
        reason = shot.reason.strip()
        if dialogue.form == "options":
            return next(each.option.label for each in self._list(sample, dialogue) if each.option.meaning == shot.says)
        if dialogue.form == "yes-no":
            return " ".join(filter(None, ("Yes." if shot.says == "vulnerable" else "No.", reason)))
        verdict = f"Verdict: {'vulnerable' if shot.says == 'vulnerable' else 'not vulnerable'}"
        return f"{reason}\n\n{verdict}" if reason else verdict


def read_options(protocol: str, opener: Callable[..., Any], options: Mapping[str, str]) -> Any:
    """`options` of the command line as what `opener` takes as `settings`; raises `InputError` naming what is wrong."""
    kind: type[Record] = get_type_hints(opener)["settings"]
    try:
        return kind.model_validate(dict(options))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = str(first["loc"][0]) if first["loc"] else ""
        known = ", ".join(kind.model_fields)
        if key not in kind.model_fields:
            choices = f"its options: {known}" if known else "it has no options"
            raise InputError(f"protocol {protocol} has no option {key!r}; {choices}") from error
        came = f"{key}={options[key]}"
        raise InputError(f"protocol {protocol}, option {came}: {first['msg']}; its options: {known}") from error


class NoOptions(Record):
    """Settings of a protocol that has none."""


def number_lines(code: str, first: int = 1) -> str:
    """`code` with the number of each line before it."""
    return "\n".join(f"{number}: {line}" for number, line in enumerate(split_lines(code), first))
