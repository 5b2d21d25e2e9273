"""Protocol `yes-no` for subjects that are asked by messages: an endpoint, which shows no tokens.

The same questions in both polarities, each a chat message, or the plain text of `vulnscope.ask.scored.yes_no` for an
endpoint that goes on with texts. Margins are those of that module where the server gives log-probabilities, up to
labels it does not list; otherwise answers are read as text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from vulnscope.ask.worded.protocols.base import Context, DialogueProtocol, NoOptions
from vulnscope.prompts import DialoguePrompt, DialogueSet, Polarity, Prompt, PromptSet, render

if TYPE_CHECKING:
    from vulnscope.ask.asks import Ask
    from vulnscope.corpora import Sample


class YesNoDialogues(DialogueProtocol):
    """The yes/no questions as messages."""

    def __init__(self, context: Context, prompts: PromptSet) -> None:
        super().__init__(context)
        self._prompts = prompts
        self._questions = {_name(prompt, polarity): (prompt, polarity) for prompt, polarity in prompts.questions}

    def build(self, sample: Sample, prompt: str, first_line: int = 1) -> Ask:
        """The question about `sample`; its plain text is what a local model without a chat template reads."""
        asked, polarity = self._questions[prompt]
        plain = render(self._prompts, asked, polarity, language=sample.language, code=sample.code).text
        return replace(super().build(sample, prompt, first_line), plain=plain)

    def label_forms(self, prompt: DialoguePrompt) -> Mapping[str, Sequence[str]]:
        """Spellings of yes and no."""
        del prompt
        return self._prompts.answers


def open_yes_no(prompts: PromptSet, settings: NoOptions, context: Context) -> YesNoDialogues:
    """The protocol; it has no options."""
    del settings
    return YesNoDialogues(context, prompts)


def as_dialogues(prompts: PromptSet) -> DialogueSet:
    """The questions as messages; `NAME` asks for a vulnerability, `NAME-secure` for its absence."""
    return DialogueSet(
        protocol=prompts.protocol,
        prompts=tuple(
            DialoguePrompt(
                name=_name(prompt, polarity),
                form="yes-no",
                turns=(_fill_question(prompts.chat, prompt.question(polarity)),),
                counterpart=_name(prompt, "secure") if polarity == "vulnerable" else None,
                is_scored=True,
                yes_means=_YES_MEANS[polarity],
            )
            for prompt, polarity in prompts.questions
        ),
    )


_YES_MEANS: Mapping[str, Literal["vulnerable", "fixed"]] = {"vulnerable": "vulnerable", "secure": "fixed"}


def _fill_question(template: str, question: str) -> str:
    return template.replace("{question}", question.replace("{", "{{").replace("}", "}}"))


def _name(prompt: Prompt, polarity: Polarity) -> str:
    return prompt.name if polarity == "vulnerable" else f"{prompt.name}-secure"
