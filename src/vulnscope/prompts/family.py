"""Tokens of several questions about one code, without tokenising the code several times.

Tokenising a few characters of code with each question is enough, if it is checked that nothing was lost: the first
text is tokenised whole, and the short texts count only where the first of them falls into step with it well before the
questions differ. Otherwise every text is tokenised whole; the tokens are those of whole texts either way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vulnscope.prompts.rendering import EncodedPrompt, RenderedPrompt, encode

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# Characters of code kept before the first difference: room for the tokenizer to fall into step.
_LEAD_CHARACTERS = 200
# Below this length of what is shared, whole texts are as fast.
_WORTH_CHARACTERS = 600
# Tokens in step before the questions differ, beyond the reach of any merge.
_STEP_TOKENS = 8

Family = Sequence[RenderedPrompt]
TokenIds = tuple[int, ...]


def encode_families(families: Sequence[Family], tokenizer: PreTrainedTokenizerBase) -> list[list[EncodedPrompt]]:
    """Tokens of each family's prompts: questions about one code, plain or chat throughout."""
    starts = [_window_start(family) for family in families]
    firsts = encode([family[0] for family in families], tokenizer)
    windows = iter(
        encode(
            [prompt.cut(start) for family, start in zip(families, starts, strict=True) if start for prompt in family],
            tokenizer,
        )
    )
    encoded = []
    for family, start, first in zip(families, starts, firsts, strict=True):
        joined = _join(first.token_ids, [next(windows).token_ids for _ in family]) if start else None
        encoded.append(joined or [first, *encode(family[1:], tokenizer)])
    return encoded


def _window_start(family: Family) -> int:
    """Where the short texts begin; 0 where whole texts are as fast."""
    shared = min(prompt.spans["question"].start for prompt in family)
    is_shared = all(prompt.text[:shared] == family[0].text[:shared] for prompt in family)
    return shared - _LEAD_CHARACTERS if is_shared and shared >= _WORTH_CHARACTERS else 0


def _join(whole: TokenIds, windows: Sequence[TokenIds]) -> list[EncodedPrompt] | None:
    """The tokens of all whole texts; None where the first window does not fall into step with its whole text."""
    n_step = count_shared(whole[::-1], windows[0][::-1])
    n_before = len(windows[0]) - n_step
    # What the smallest and the largest of sorted sequences share, all share.
    if count_shared(min(windows), max(windows)) - n_before < _STEP_TOKENS:
        return None
    start = whole[: len(whole) - n_step]
    return [EncodedPrompt(start + window[n_before:], None) for window in windows]


def count_shared(left: TokenIds, right: TokenIds) -> int:
    """Tokens that two sequences have in common from the start."""
    low, high = 0, min(len(left), len(right))
    while low < high:
        # Halving, since slices are compared far faster than tokens one by one.
        middle = (low + high + 1) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
