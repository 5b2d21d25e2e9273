"""Text to tokens, where text that is quoted stays text: `<|im_end|>` in a comment ends no turn.

Control tokens are what a chat is built of: every special token of a tokenizer, and other added tokens that its chat
template writes or that look like `<|this|>`. Text that holds none is tokenised as ever. Elsewhere a copy of the
tokenizer does it, to which each control token has another name: letters of a script that the text lacks, as many as the
token has characters. What a template wrote is given that name, what is quoted is not, so the copy finds the one and
not the other; merges, spaces beside tokens and character offsets stay those of whole texts. (transformers'
`sanitize_control_tokens` tokenises each such text by itself instead, so its tokens and those beside it are not those of
ordinary text, and it gives no offsets.)
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer
    from transformers import PreTrainedTokenizerBase

# Tangut ideographs: letters that no normaliser changes.
_FIRST_NAME, _LAST_NAME = 0x17000, 0x187F7
_MARKUP = re.compile(r"<[|｜].*[|｜]>")


class Span(NamedTuple):
    """Characters `start` to before `end` of a text."""

    start: int
    end: int


class Quoting(NamedTuple):
    """A text, and the parts of it, ascending, in which nothing is a control token."""

    text: str
    quoted: tuple[Span, ...]


class Tokens(NamedTuple):
    """Token ids; `offsets` are their character spans, None where not asked for or unknown."""

    ids: tuple[int, ...]
    offsets: tuple[Span, ...] | None


def quote(text: str) -> Quoting:
    """`text` as nothing but text."""
    return Quoting(text, (Span(0, len(text)),))


def tokenise(
    texts: Sequence[Quoting],
    tokenizer: PreTrainedTokenizerBase,
    *,
    add_special_tokens: bool = True,
    with_offsets: bool = False,
) -> list[Tokens]:
    """Tokens of each text, tokenised whole, with offsets where asked for and known.

    What a tokenizer cannot take as text (`Controls.can_quote`) is read as control tokens.
    """
    if not texts:
        return []
    with_offsets = with_offsets and bool(tokenizer.is_fast)
    encoding = tokenizer(
        [each.text for each in texts],
        add_special_tokens=add_special_tokens,
        return_offsets_mapping=with_offsets,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,
    )
    controls = controls_of(tokenizer)
    found = []
    for number, each in enumerate(texts):
        ids = tuple(encoding["input_ids"][number])
        tokens = Tokens(
            ids, tuple(Span(*span) for span in encoding["offset_mapping"][number]) if with_offsets else None
        )
        if controls.are_quoted(each, ids):
            tokens = controls.read(each, add_special_tokens=add_special_tokens, with_offsets=with_offsets) or tokens
        found.append(tokens)
    return found


class Controls:
    """The control tokens of one tokenizer."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        # Nothing here holds the tokenizer itself, or it would never be let go.
        self._backend: Tokenizer | None = tokenizer.backend_tokenizer if tokenizer.is_fast else None
        self._added = {token.content: number for number, token in tokenizer.added_tokens_decoder.items()}
        self.ids = {content: self._added[content] for content in _list_controls(tokenizer)}
        longest_first = sorted(self.ids, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) or "(?!)")
        self._reach = max(map(len, self.ids), default=1) - 1
        # Ordinary text may be unknown.
        self._telling = frozenset(self.ids.values()) - {tokenizer.unk_token_id}
        self._n_added = self._count(tokenizer("")["input_ids"])
        self._copies: dict[int, _Copy | None] = {}

    def find(self, text: str) -> tuple[str, ...]:
        """The control tokens whose text occurs in `text`, each once, in order."""
        return tuple(dict.fromkeys(self._pattern.findall(text)))

    def can_quote(self, text: str) -> bool:
        """Whether `text`, quoted, is read as text."""
        return self.read(quote(text), add_special_tokens=False) is not None

    def are_quoted(self, quoting: Quoting, ids: Sequence[int]) -> bool:
        """Whether the quoted parts hold what became, or looks like, a control token among `ids`."""
        text, quoted = quoting
        for start, end in quoted:
            first = max(0, start - self._reach)
            for match in self._pattern.finditer(text, first, min(len(text), end + self._reach)):
                if match.start() < end and match.end() > start:
                    return True
        # A normaliser may make a control token of what looks otherwise.
        return bool(quoted) and self._count(ids) > self._count_own(quoting) + self._n_added

    def read(self, quoting: Quoting, *, add_special_tokens: bool = True, with_offsets: bool = False) -> Tokens | None:
        """Its tokens with everything quoted as text; None where the tokenizer cannot do that."""
        copy = self._copy_for(quoting.text)
        if copy is None:
            return None
        renamed = "".join(
            self._pattern.sub(lambda match: copy.names[match[0]], piece) if is_own else piece
            for piece, is_own in _split(quoting)
        )
        encoding: Encoding = copy.backend.encode(renamed, add_special_tokens=add_special_tokens)
        ids = tuple(copy.ids.get(number, number) for number in encoding.ids)
        if self._count(ids) != self._count_own(quoting) + (self._n_added if add_special_tokens else 0):
            return None
        return Tokens(ids, tuple(Span(*span) for span in encoding.offsets) if with_offsets else None)

    def _count(self, ids: Sequence[int]) -> int:
        return sum(map(self._telling.__contains__, ids))

    def _count_own(self, quoting: Quoting) -> int:
        """Control tokens outside the quoted parts."""
        pieces = [piece for piece, is_own in _split(quoting) if is_own]
        return sum(self.ids[name] in self._telling for piece in pieces for name in self._pattern.findall(piece))

    def _copy_for(self, text: str) -> _Copy | None:
        """A copy of the tokenizer whose names for control tokens do not occur in `text`."""
        used = {ord(letter) for letter in text if _FIRST_NAME <= ord(letter) <= _LAST_NAME}
        step = max(1, len(self.ids))
        for first in range(_FIRST_NAME, _LAST_NAME + 2 - step, step):
            if used.isdisjoint(range(first, first + step)):
                if first not in self._copies:
                    self._copies[first] = self._copy(first)
                return self._copies[first]
        return None

    def _copy(self, first: int) -> _Copy | None:
        """A copy with names from the letter `first` on; None where the tokenizer has no backend that can be copied."""
        if self._backend is None:
            return None
        from tokenizers import Tokenizer

        names = {content: chr(first + place) * len(content) for place, content in enumerate(self.ids)}
        try:
            state = json.loads(self._backend.to_str())
            _rename(state, names)
            backend = Tokenizer.from_str(json.dumps(state))
        except Exception:  # the backend raises bare exceptions for parts that cannot be written or read again
            return None
        found = {backend.token_to_id(names.get(content, content)): number for content, number in self._added.items()}
        ids = {own: number for own, number in found.items() if own is not None}
        return _Copy(backend, names, ids) if len(ids) == len(self._added) else None


_KNOWN: WeakKeyDictionary[PreTrainedTokenizerBase, tuple[object, Controls]] = WeakKeyDictionary()


def controls_of(tokenizer: PreTrainedTokenizerBase) -> Controls:
    """The control tokens of `tokenizer`, found once, and again where tokens were added or its template changed."""
    state = len(tokenizer), str(tokenizer.chat_template)
    known = _KNOWN.get(tokenizer)
    if known is None or known[0] != state:
        known = _KNOWN[tokenizer] = state, Controls(tokenizer)
    return known[1]


def _list_controls(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    template = str(tokenizer.chat_template or "")
    named = {*tokenizer.all_special_tokens, *(getattr(tokenizer, "chat_control_tokens", None) or ())}
    return [
        token.content
        for token in tokenizer.added_tokens_decoder.values()
        if token.special
        or token.content in named
        or _MARKUP.fullmatch(token.content)
        or (token.content in template and not token.content.isspace())
    ]


class _Copy(NamedTuple):
    """A tokenizer's backend under which control tokens have other names of the same length."""

    backend: Tokenizer
    names: Mapping[str, str]
    ids: Mapping[int, int]
    """The tokenizer's ids of added tokens by those of the copy."""


def _rename(state: dict[str, Any], names: Mapping[str, str]) -> None:
    """Give tokens new names in a backend written as JSON: where they were added, and in the model's own vocabulary."""
    model = state["model"]
    for token in state["added_tokens"]:
        token["content"] = names.get(token["content"], token["content"])
    vocabulary = model["vocab"]
    if isinstance(vocabulary, dict):
        model["vocab"] = {names.get(token, token): number for token, number in vocabulary.items()}
    else:
        model["vocab"] = [[names.get(token, token), score] for token, score in vocabulary]
    if model.get("unk_token") in names:
        model["unk_token"] = names[model["unk_token"]]
    if "merges" in model:
        model["merges"] = [merge for merge in model["merges"] if names.keys().isdisjoint(_list_parts(merge))]
    state["truncation"] = state["padding"] = None


def _list_parts(merge: str | Sequence[str]) -> tuple[str, str, str]:
    """What a merge joins, and what it makes."""
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right, left + right


def _split(quoting: Quoting) -> list[tuple[str, bool]]:
    """The pieces of a text in order, and whether each is its own, that is, not quoted."""
    pieces, at = [], 0
    for start, end in quoting.quoted:
        pieces += [(quoting.text[at:start], True), (quoting.text[start:end], False)]
        at = end
    return [*pieces, (quoting.text[at:], True)]
