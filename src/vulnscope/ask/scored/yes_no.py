"""Protocol `yes-no`: is it vulnerable, is it secure; in yes and no (MEASURES, "Say").

Per question, the log-odds are the difference of the log-sum-exp over each answer's forms. With m+ the log-odds of yes
to "vulnerable?" and m- those of yes to "secure?": margin = (m+ - m-)/2, acquiescence = (m+ + m-)/2. What the model
says is its greedy answer to the canonical prompt's "vulnerable?".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy
from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING, Literal, Self

from vulnscope.ask.labels import greedy_label, log_sum_exp, sum_by_label
from vulnscope.ask.scored.packed import PackedRequest, pack
from vulnscope.ask.windows import token_starts
from vulnscope.prompts import (
    AnswerForms,
    AnswerTokens,
    PromptSet,
    Question,
    RenderedPrompt,
    encode_families,
    open_chat,
    render,
)
from vulnscope.records.rows import SAYS, QuestionAnswer, Truncation, VerdictRow

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from vulnscope.models import PromptScores
    from vulnscope.prompts import OpenedThought


class YesNoProtocol:
    """The yes/no questions of a prompt set for one tokenizer."""

    name = "yes-no"

    def __init__(
        self,
        prompts: PromptSet,
        tokenizer: PreTrainedTokenizerBase,
        *,
        is_chat: bool | None = None,
        opened_thought: OpenedThought = "close",
    ) -> None:
        """As `open_chat` takes `is_chat` and `opened_thought`, and raises."""
        self.chat = open_chat(tokenizer, is_chat, opened_thought)
        self.prompts = prompts
        self.questions = prompts.questions
        self._tokenizer = tokenizer
        self._forms = AnswerForms(prompts.answers, tokenizer)
        self._texts: dict[int, str] = {}

    @property
    def is_chat(self) -> bool:
        """Whether prompts go through the chat template."""
        return self.chat is not None

    def reword(self, prompts: PromptSet) -> Self:
        """The same with other prompts."""
        again = copy(self)
        again.prompts, again.questions = prompts, prompts.questions
        again._forms = AnswerForms(prompts.answers, self._tokenizer)
        return again

    def render(self, question: Question, language: str, code: str) -> RenderedPrompt:
        """One question about code as the model sees it."""
        return render(self.prompts, question.prompt, question.polarity, language=language, code=code, chat=self.chat)

    def canonical_text(self) -> str:
        """The canonical prompt around an ellipsis."""
        return self.render(self.questions[0], "…", "…").text

    def pack(self, codes: Sequence[tuple[str, str]]) -> list[PackedRequest]:
        """One request per (language, code): every question about it, tokenised together."""
        families = [[self.render(question, language, code) for question in self.questions] for language, code in codes]
        return [
            pack(encoded, [self._forms.after(text, tokens) for text, tokens in zip(family, encoded, strict=True)])
            for family, encoded in zip(families, encode_families(families, self._tokenizer), strict=True)
        ]

    def token_starts(self, code: str) -> Sequence[int]:
        """Where in code each of its tokens begins, in order; evenly spread where the tokenizer cannot tell."""
        return token_starts(code, self._tokenizer)

    def read(
        self, sample_id: str, request: PackedRequest, scores: Sequence[PromptScores], cut: Truncation | None
    ) -> VerdictRow:
        """The verdict on one sample from the scores of its prompts."""
        readings = tuple(
            self._read_question(question, answers, score)
            for question, answers, score in zip(self.questions, request.answers, scores, strict=True)
        )
        odds = [reading.log_odds for reading in readings]
        margins = [(plus - minus) / 2 for plus, minus in _by_two(odds)]
        return VerdictRow(
            sample=sample_id,
            protocol=self.name,
            readings=readings,
            margin=margins[0],
            acquiescence=(odds[0] + odds[1]) / 2,
            mean_margin=fmean(margins),
            says=SAYS[readings[0].answer],
            n_prompt_tokens=request.n_tokens[0],
            cut=cut,
        )

    def _read_question(self, question: Question, answers: AnswerTokens, scores: PromptScores) -> QuestionAnswer:
        by_label = sum_by_label(answers, scores)
        yes, no = by_label["yes"], by_label["no"]
        return QuestionAnswer(
            prompt=question.prompt.name,
            polarity=question.polarity,
            log_odds=yes - no,
            label_mass=min(1.0, math.exp(log_sum_exp((yes, no)))),
            answer=greedy_answer(answers, scores),
            top_token=self._text(scores.top_tokens[0]),
        )

    def _text(self, token: int) -> str:
        if token not in self._texts:
            self._texts[token] = str(self._tokenizer.decode([token]))
        return self._texts[token]


def greedy_answer(answers: AnswerTokens, scores: PromptScores) -> Literal["yes", "no", "unparsed"]:
    """The answer that greedy decoding begins; unparsed where it begins with no label, or different answers tie.

    Where the first token is shared by both, what follows it decides (`greedy_label`).
    """
    label = greedy_label(answers, scores)
    return "unparsed" if not label else "yes" if label == "yes" else "no"


def _by_two(values: Sequence[float]) -> list[tuple[float, float]]:
    return list(pairwise(values))[::2]
