"""Templates to text with named character spans, and text to tokens.

A whole text is tokenised at once, never its pieces. A plain prompt gets the tokenizer's own special tokens; a chat
prompt has them in its text already, so none are added and there is no second BOS. What comes from outside is quoted:
text in it that looks like a control token stays text (`vulnscope.prompts.tokens`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vulnscope.errors import SubjectError
from vulnscope.prompts.chat import Chat
from vulnscope.prompts.templates import Polarity, Prompt, PromptSet, split_template
from vulnscope.prompts.tokens import Quoting, Span, tokenise

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class RenderedPrompt:
    """A prompt's text and where its parts lie; the empty span `answer` is where the answer begins.

    `quoted` are the parts, ascending, in which nothing is a control token: code and whatever else comes from data, and
    of a chat all messages.
    """

    text: str
    spans: Mapping[str, Span]
    is_chat: bool
    quoted: tuple[Span, ...] = ()

    def cut(self, start: int) -> RenderedPrompt:
        """What begins at character `start`, as a piece of a text: it gets no special tokens, like a chat."""
        quoted = tuple(Span(max(0, a - start), b - start) for a, b in self.quoted if b > start)
        return RenderedPrompt(self.text[start:], {}, is_chat=True, quoted=quoted)


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
    chat: Chat | None = None,
) -> RenderedPrompt:
    """`prompt` about `code`: plain, or as `chat` writes it, ready for the answer."""
    slots = {"language": language, "code": code, "question": prompt.question(polarity)}
    if chat is None:
        text, filled = _fill(prompts.plain, slots)
        quoted = tuple(span for name, span in filled if name != "question")
        spans = {**dict(filled), "answer": Span(len(text), len(text))}
        return RenderedPrompt(text, spans, is_chat=False, quoted=quoted)
    message, filled = _fill(prompts.chat, slots)
    text, sent = chat.write([{"role": "user", "content": message}])
    moved = _move(dict(filled), message, text, sent)
    return RenderedPrompt(text, {**moved, "answer": Span(len(text), len(text))}, is_chat=True, quoted=sent)


def encode(
    rendered: Sequence[RenderedPrompt], tokenizer: PreTrainedTokenizerBase, *, with_offsets: bool = False
) -> list[EncodedPrompt]:
    """Tokens of whole prompts, all plain or all chat, with their character offsets where asked for and known."""
    if not rendered:
        return []
    found = tokenise(
        [Quoting(prompt.text, prompt.quoted) for prompt in rendered],
        tokenizer,
        add_special_tokens=not rendered[0].is_chat,
        with_offsets=with_offsets,
    )
    encoded = []
    for prompt, (ids, offsets) in zip(rendered, found, strict=True):
        is_closed = _is_closed(prompt, ids, tokenizer)
        encoded.append(EncodedPrompt(ids[:-1], offsets and offsets[:-1]) if is_closed else EncodedPrompt(ids, offsets))
    return encoded


def _is_closed(prompt: RenderedPrompt, ids: tuple[int, ...], tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the tokenizer appended an end-of-text token; an answer is still to follow."""
    end = tokenizer.eos_token
    return bool(ids) and end is not None and ids[-1] == tokenizer.eos_token_id and not prompt.text.endswith(str(end))


def _fill(template: str, slots: Mapping[str, str]) -> tuple[str, list[tuple[str, Span]]]:
    """The filled template, and the span of each slot in order."""
    text = ""
    filled: list[tuple[str, Span]] = []
    for piece in split_template(template):
        text += piece.text
        if piece.slot is not None:
            filled.append((piece.slot, Span(len(text), len(text) + len(slots[piece.slot]))))
            text += slots[piece.slot]
    return text, filled


def _move(spans: Mapping[str, Span], message: str, text: str, sent: Sequence[Span]) -> dict[str, Span]:
    """Where parts of the message lie in the chat, in which it was `sent`; many templates trim it."""
    trimmed = message.strip()
    start, end = sent[-1] if sent else (0, 0)
    if text[start:end] != trimmed:
        raise SubjectError(
            "the tokenizer's chat template rewrites the message, so positions in it are lost; ask with plain prompts"
        )
    shift = start - message.index(trimmed)
    return {name: Span(max(span.start + shift, start), min(span.end + shift, end)) for name, span in spans.items()}
