"""Token sequences with what selectors need to know about them: characters, lines, named parts, changed lines."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from vulnscope.errors import InputError
from vulnscope.prompts.tokens import Quoting, quote, tokenise

if TYPE_CHECKING:
    from jaxtyping import Bool, Int
    from transformers import PreTrainedTokenizerBase

    from vulnscope.models.subject.subject import Subject
    from vulnscope.prompts.rendering import EncodedPrompt, RenderedPrompt
    from vulnscope.prompts.tokens import Span

CODE, ANSWER = "code", "answer"
CONTEXT_LINES = 2
"""Shared lines on each side of a change that belong to the selector `changed` (MEASURES, "Know")."""


@dataclass(frozen=True, eq=False)
class TokenText:
    """One text as the subject reads it.

    `offsets` are the tokens' character spans in `text`, `spans` its named parts; lines are counted from 1 inside the
    part `code`, or inside the whole text where there is none. The first `n_prompt` tokens are the prompt (all of
    them by default), the rest is an answer or was generated.
    """

    tokens: tuple[int, ...]
    name: str = ""
    n_prompt: int | None = None
    text: str | None = None
    offsets: tuple[tuple[int, int], ...] | None = None
    spans: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    changed_lines: tuple[int, ...] | None = None
    changed_window: tuple[int, ...] | None = None

    @property
    def prompt_length(self) -> int:
        """Number of prompt tokens."""
        return len(self.tokens) if self.n_prompt is None else self.n_prompt

    @property
    def window_lines(self) -> tuple[int, ...]:
        """Changed lines and the shared lines around them: those of the diff where given, else two on each side."""
        if self.changed_window is not None:
            return self.changed_window
        near = {line + step for line in self.changed_lines or () for step in range(-CONTEXT_LINES, CONTEXT_LINES + 1)}
        return tuple(sorted(line for line in near if 1 <= line <= len(self._line_starts)))

    def label(self, number: int) -> str:
        """What error messages call this item."""
        return f"sample {self.name!r}" if self.name else f"text {number}"

    def overlap(self, start: int, stop: int) -> Bool[np.ndarray, " n"]:
        """Which tokens overlap the characters `start` to before `stop`; tokens without characters never do."""
        begins, ends = self._edges
        return np.asarray((begins < stop) & (ends > start) & (ends > begins))

    def overlap_lines(self, lines: Sequence[int]) -> Bool[np.ndarray, " n"]:
        """Which tokens overlap the given lines, their line ends included."""
        found = np.zeros(len(self._edges[0]), dtype=bool)
        for first, last in _runs([line for line in lines if 1 <= line <= self.n_lines]):
            found |= self.overlap(*self._characters(first, last))
        return found

    def lines(self) -> Int[np.ndarray, " n"]:
        """Line in which each token begins; 0 for tokens outside the numbered part or without characters."""
        if self.text is None or self.offsets is None:
            return np.zeros(len(self.tokens), dtype=np.int32)
        first, stop = self._numbered
        starts = self._line_starts
        return np.array(
            [max(1, bisect_right(starts, a)) if b > a and b > first and a < stop else 0 for a, b in self.offsets],
            dtype=np.int32,
        )

    @property
    def n_lines(self) -> int:
        """Number of lines of the numbered part."""
        return len(self._line_starts)

    @property
    def _numbered(self) -> tuple[int, int]:
        return self.spans.get(CODE, (0, len(self.text or "")))

    @cached_property
    def _edges(self) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
        if self.offsets is None:
            raise InputError(
                "the tokens' character offsets are unknown: give texts instead of tokens, a fast tokenizer"
            )
        pairs = np.array(self.offsets, dtype=np.int64).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1]

    @cached_property
    def _line_starts(self) -> list[int]:
        """Character where each line begins; a line feed ends a line and nothing else does."""
        if self.text is None:
            return []
        first, stop = self._numbered
        code = self.text[first:stop]
        ends = [i + 1 for i, character in enumerate(code) if character == "\n" and i + 1 < len(code)]
        return [first, *(first + end for end in ends)]

    def _characters(self, first: int, last: int) -> tuple[int, int]:
        starts = [*self._line_starts, self._numbered[1]]
        return starts[first - 1], starts[last]


def as_items(subject: Subject, texts: Sequence[str | Sequence[int] | TokenText]) -> list[TokenText]:
    """Items of texts (tokenised whole, as `read_text` does) or of token ids; checked for length."""
    items = []
    for number, given in enumerate(texts):
        if isinstance(given, TokenText):
            item = given
        elif isinstance(given, str):
            item = read_text(subject.tokenizer, given)
        else:
            item = TokenText(tuple(int(token) for token in given))
        _check(subject, item, number)
        items.append(item)
    if not items:
        raise InputError("no texts given; at least one is needed")
    return items


def read_text(
    tokenizer: PreTrainedTokenizerBase,
    text: str,
    *,
    name: str = "",
    spans: Mapping[str, tuple[int, int]] | None = None,
    changed_lines: Sequence[int] | None = None,
    changed_window: Sequence[int] | None = None,
    answer_start: int | None = None,
    add_special_tokens: bool = True,
    quoted: Sequence[Span] | None = None,
) -> TokenText:
    """`text` tokenised whole; tokens that begin at character `answer_start` or later are no longer the prompt.

    Nothing in the `quoted` parts is a control token: by default in all of it, such as in code; () where the text is
    written for the model, turns and all.
    """
    quoting = quote(text) if quoted is None else Quoting(text, tuple(quoted))
    ((tokens, offsets),) = tokenise([quoting], tokenizer, add_special_tokens=add_special_tokens, with_offsets=True)
    n_prompt = None
    if answer_start is not None:
        if offsets is None:
            raise InputError("answer_start needs character offsets, which slow tokenizers do not give")
        n_prompt = next((i for i, (a, b) in enumerate(offsets) if b > a >= answer_start), len(tokens))
    return TokenText(
        tokens=tokens,
        name=name,
        n_prompt=n_prompt,
        text=text,
        offsets=offsets,
        spans=dict(spans or {}),
        changed_lines=None if changed_lines is None else tuple(changed_lines),
        changed_window=None if changed_window is None else tuple(changed_window),
    )


def read_prompt(
    rendered: RenderedPrompt,
    encoded: EncodedPrompt,
    *,
    name: str = "",
    changed_lines: Sequence[int] | None = None,
    changed_window: Sequence[int] | None = None,
) -> TokenText:
    """The item of a rendered and encoded prompt; changed lines are those of its part `code`."""
    return TokenText(
        tokens=encoded.token_ids,
        name=name,
        text=rendered.text,
        offsets=encoded.offsets,
        spans=dict(rendered.spans),
        changed_lines=None if changed_lines is None else tuple(changed_lines),
        changed_window=None if changed_window is None else tuple(changed_window),
    )


def _check(subject: Subject, item: TokenText, number: int) -> None:
    label, limit, size = item.label(number), subject.max_positions, subject.architecture.vocab_size
    if not item.tokens:
        raise InputError(f"{label} is empty; each text needs at least one token")
    if limit is not None and len(item.tokens) > limit:
        raise InputError(f"{label} has {len(item.tokens)} tokens; {subject.name} reads at most {limit}. Cut it")
    if not 0 <= min(item.tokens) <= max(item.tokens) < size:
        raise InputError(f"{label} holds token ids outside the vocabulary (0 to {size - 1})")
    if not 0 < item.prompt_length <= len(item.tokens):
        raise InputError(f"{label}: n_prompt {item.n_prompt} must lie between 1 and its {len(item.tokens)} tokens")
    if item.offsets is not None and len(item.offsets) != len(item.tokens):
        raise InputError(f"{label} has {len(item.tokens)} tokens but {len(item.offsets)} offsets")


def _runs(lines: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of consecutive numbers."""
    ordered = sorted(set(lines))
    start = 0
    for stop in range(1, len(ordered) + 1):
        if stop == len(ordered) or ordered[stop] != ordered[stop - 1] + 1:
            yield ordered[start], ordered[stop - 1]
            start = stop
