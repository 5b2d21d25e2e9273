"""Answer forms to the token sequences that are scored.

A form's tokens are what the tokenizer adds to the prompt when the form follows it, with and without a space before
it; a variant that the tokenizer merges with the prompt's end is left out. Each sequence is cut after the first token
that tells it from every form of every other answer: that is the first token, unless two answers share it (MEASURES,
"Say"). Equal sequences of one answer count once, so the sequences are disjoint events and their probabilities add up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vulnscope.errors import InputError, SubjectError
from vulnscope.prompts.rendering import EncodedPrompt, RenderedPrompt, encode
from vulnscope.prompts.tokens import quote

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TokenIds = tuple[int, ...]

# Merges of a tokenizer reach back less far than this; prompts that end alike share their answers' tokens.
_TAIL_TOKENS = 16


@dataclass(frozen=True)
class AnswerTokens:
    """What to score after a prompt: `sequences[i]` is a form of `answers[i]`."""

    sequences: tuple[TokenIds, ...]
    answers: tuple[str, ...]

    def answers_of(self, first_token: int) -> frozenset[str]:
        """Answers with a form that begins with this token; empty where it is no label."""
        pairs = zip(self.sequences, self.answers, strict=True)
        return frozenset(answer for sequence, answer in pairs if sequence[0] == first_token)


class AnswerForms:
    """The forms of all answers for one tokenizer; remembers the tokens per ending of a prompt."""

    def __init__(self, forms: Mapping[str, Sequence[str]], tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._forms = {answer: _with_space(texts) for answer, texts in forms.items()}
        self._known: dict[TokenIds, AnswerTokens] = {}

    def after(self, prompt: RenderedPrompt, encoded: EncodedPrompt) -> AnswerTokens:
        """What to score after `prompt`; raises `SubjectError` where an answer has no tokens at all."""
        tail = encoded.token_ids[-_TAIL_TOKENS:]
        if tail not in self._known:
            self._known[tail] = self._tokenise(prompt, encoded)
        return self._known[tail]

    def _tokenise(self, prompt: RenderedPrompt, encoded: EncodedPrompt) -> AnswerTokens:
        sequences: dict[str, list[TokenIds]] = {}
        for answer, texts in self._forms.items():
            wholes = [replace(prompt, text=prompt.text + text) for text in texts]
            suffixes = [_suffix(encoded.token_ids, whole.token_ids) for whole in encode(wholes, self._tokenizer)]
            known = [tokens for tokens in suffixes if self._is_known(tokens)]
            if not known:
                # The tokenizer merges the prompt's end with every form. A model that goes on from the prompt's own
                # tokens cannot produce that merge; what it can produce is the form as a text of its own.
                alone = [tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts]
                known = [tokens for tokens in alone if self._is_known(tokens)]
            if not known:
                raise SubjectError(f"the tokenizer has no tokens for the answer {answer!r}, tried: {', '.join(texts)}")
            sequences[answer] = known
        return distinguish(sequences)

    def _is_known(self, tokens: TokenIds) -> bool:
        return bool(tokens) and self._tokenizer.unk_token_id not in tokens


def tokenise_with_answers(
    prompt: str, answers: Sequence[str], tokenizer: PreTrainedTokenizerBase
) -> tuple[TokenIds, tuple[TokenIds, ...]]:
    """Tokens of a plain `prompt`, and of each answer as it follows that prompt; all of it is text, no control token.

    Raises `SubjectError` where the tokenizer merges an answer with the prompt's end.
    """
    texts = [quote(text) for text in (prompt, *(prompt + answer for answer in answers))]
    rendered = [RenderedPrompt(text, {}, is_chat=False, quoted=quoted) for text, quoted in texts]
    first, *wholes = (each.token_ids for each in encode(rendered, tokenizer))
    suffixes = tuple(_suffix(first, whole) for whole in wholes)
    for answer, suffix in zip(answers, suffixes, strict=True):
        if not suffix:
            raise SubjectError(
                f"the tokenizer merges the answer {answer!r} with the end of the prompt {prompt[-20:]!r}"
            )
    return first, suffixes


def distinguish(sequences: Mapping[str, Sequence[TokenIds]]) -> AnswerTokens:
    """Each sequence cut after the first token that tells it from every sequence of the other answers.

    Raises `InputError` where a form of one answer begins with a whole form of another.
    """
    cut: dict[TokenIds, str] = {}
    for answer, forms in sequences.items():
        others = [form for other, theirs in sequences.items() if other != answer for form in theirs]
        for form in forms:
            cut[_shortest_unshared(form, others, answer)] = answer
    return AnswerTokens(tuple(cut), tuple(cut.values()))


def _shortest_unshared(form: TokenIds, others: Sequence[TokenIds], answer: str) -> TokenIds:
    for length in range(1, len(form) + 1):
        if not any(other[:length] == form[:length] for other in others):
            return form[:length]
    raise InputError(f"a form of the answer {answer!r} is the beginning of another answer's form: {list(form)}")


def _suffix(prompt: TokenIds, whole: TokenIds) -> TokenIds:
    """Tokens that follow the prompt's own; empty where the tokenizer merges across the boundary."""
    return whole[len(prompt) :] if whole[: len(prompt)] == prompt else ()


def _with_space(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(variant for text in texts for variant in (text, f" {text}")))
