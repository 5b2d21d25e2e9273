"""Templates to text with named character spans, and text to tokens.

A whole text is tokenised at once, never its pieces. A plain prompt gets the tokenizer's own special tokens; a chat
prompt has them in its text already, so none are added and there is no second BOS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from vulnscope.errors import SubjectError
from vulnscope.prompts.chat import apply_chat_template
from vulnscope.prompts.templates import Polarity, Prompt, PromptSet, split_template

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Span(NamedTuple):
    """Characters `start` to before `end` of a text."""

    start: int
    end: int


@dataclass(frozen=True)
class RenderedPrompt:
    """A prompt's text and where its parts lie; the empty span `answer` is where the answer begins."""

    text: str
    spans: Mapping[str, Span]
    is_chat: bool


@dataclass(frozen=True)
class EncodedPrompt:
    """A prompt's tokens; `offsets` are their character spans, None where not asked for or unknown."""

    token_ids: tuple[int, ...]
    offsets: tuple[Span, ...] | None


def render(
    prompts: PromptSet,
    prompt: Prompt,
    polarity: Polarity,
    *,
    language: str,
    code: str,
    chat_tokenizer: PreTrainedTokenizerBase | None = None,
) -> RenderedPrompt:
    """`prompt` about `code`: plain, or through the chat template of `chat_tokenizer`, ready for the answer."""
    slots = {"language": language, "code": code, "question": prompt.question(polarity)}
    if chat_tokenizer is None:
        text, spans = _fill(prompts.plain, slots)
        return RenderedPrompt(text, {**spans, "answer": Span(len(text), len(text))}, is_chat=False)
    message, spans = _fill(prompts.chat, slots)
    text = apply_chat_template([{"role": "user", "content": message}], chat_tokenizer)
    sent, shift = _locate(message, text)
    moved = {
        name: Span(max(span.start + shift, sent.start), min(span.end + shift, sent.end)) for name, span in spans.items()
    }
    return RenderedPrompt(text, {**moved, "answer": Span(len(text), len(text))}, is_chat=True)


def encode(
    rendered: Sequence[RenderedPrompt], tokenizer: PreTrainedTokenizerBase, *, with_offsets: bool = False
) -> list[EncodedPrompt]:
    """Tokens of whole prompts, all plain or all chat, with their character offsets where asked for and known."""
    if not rendered:
        return []
    with_offsets = with_offsets and bool(tokenizer.is_fast)
    encoding = tokenizer(
        [prompt.text for prompt in rendered],
        add_special_tokens=not rendered[0].is_chat,
        return_offsets_mapping=with_offsets,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,
    )
    encoded = []
    for number, prompt in enumerate(rendered):
        ids = tuple(encoding["input_ids"][number])
        offsets = tuple(Span(*span) for span in encoding["offset_mapping"][number]) if with_offsets else None
        if _is_closed(prompt, ids, tokenizer):
            ids, offsets = ids[:-1], offsets and offsets[:-1]
        encoded.append(EncodedPrompt(ids, offsets))
    return encoded


def _is_closed(prompt: RenderedPrompt, ids: tuple[int, ...], tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the tokenizer appended an end-of-text token; an answer is still to follow."""
    end = tokenizer.eos_token
    return bool(ids) and end is not None and ids[-1] == tokenizer.eos_token_id and not prompt.text.endswith(str(end))


def _fill(template: str, slots: Mapping[str, str]) -> tuple[str, dict[str, Span]]:
    """The filled template and the span of each slot."""
    text = ""
    spans: dict[str, Span] = {}
    for piece in split_template(template):
        text += piece.text
        if piece.slot is not None:
            spans[piece.slot] = Span(len(text), len(text) + len(slots[piece.slot]))
            text += slots[piece.slot]
    return text, spans


def _locate(message: str, text: str) -> tuple[Span, int]:
    """Where the message lies in the chat, and how far that moved it; many templates trim it."""
    trimmed = message.strip()
    found = text.rfind(trimmed)
    if found < 0:
        raise SubjectError(
            "the tokenizer's chat template rewrites the message, so positions in it are lost; ask with plain prompts"
        )
    return Span(found, found + len(trimmed)), found - message.index(trimmed)
