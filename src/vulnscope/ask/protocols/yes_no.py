"""Protocol `yes-no` for subjects that are asked by messages: an endpoint, which shows no tokens.

The same questions in both polarities, each a chat message. Margins are those of `vulnscope.ask.yes_no` where the server
gives log-probabilities, up to labels it does not list; otherwise answers are read as text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from vulnscope.ask.protocols.base import Context, DialogueProtocol, NoOptions, read_options
from vulnscope.prompts import POLARITIES, DialoguePrompt, DialogueSet, PromptSet


class YesNoDialogues(DialogueProtocol):
    """The yes/no questions as messages."""

    def __init__(self, context: Context, forms: Mapping[str, Sequence[str]]) -> None:
        super().__init__(context)
        self._forms = forms

    def label_forms(self, prompt: DialoguePrompt) -> Mapping[str, Sequence[str]]:
        """Spellings of yes and no."""
        del prompt
        return self._forms


def open_yes_no(prompts: PromptSet, options: Mapping[str, str], context: Context) -> YesNoDialogues:
    """The protocol; it has no options."""
    read_options("yes-no", NoOptions, options)
    return YesNoDialogues(context, prompts.answers)


def as_dialogues(prompts: PromptSet) -> DialogueSet:
    """The questions as messages; `NAME` asks for a vulnerability, `NAME-secure` for its absence."""
    return DialogueSet(
        protocol=prompts.protocol,
        prompts=tuple(
            DialoguePrompt(
                name=prompt.name if polarity == "vulnerable" else f"{prompt.name}-secure",
                form="yes-no",
                turns=(_fill_question(prompts.chat, prompt.question(polarity)),),
                counterpart=f"{prompt.name}-secure" if polarity == "vulnerable" else None,
                is_scored=True,
                yes_means=_YES_MEANS[polarity],
            )
            for prompt in prompts.prompts
            for polarity in POLARITIES
        ),
    )


_YES_MEANS: Mapping[str, Literal["vulnerable", "fixed"]] = {"vulnerable": "vulnerable", "secure": "fixed"}


def _fill_question(template: str, question: str) -> str:
    return template.replace("{question}", question.replace("{", "{{").replace("}", "}}"))
