"""Requests in little memory: the prompts of one sample share its code, so that is kept once, as machine integers."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

from vulnscope.prompts import AnswerTokens, EncodedPrompt, count_shared

if TYPE_CHECKING:
    from vulnscope.models import ScoreRequest


@dataclass(frozen=True)
class PackedRequest:
    """All questions about one sample: what their prompts share, what each adds, and the answers to score."""

    shared: array[int]
    tails: tuple[array[int], ...]
    answers: tuple[AnswerTokens, ...]

    @property
    def n_tokens(self) -> tuple[int, ...]:
        """Length of each prompt."""
        return tuple(len(self.shared) + len(tail) for tail in self.tails)

    def unpack(self) -> ScoreRequest:
        """The request as the engine takes it."""
        from vulnscope.models import ScoreRequest  # here, so that reading rows again loads no model library

        shared = tuple(self.shared)
        return ScoreRequest(
            prompts=tuple(shared + tuple(tail) for tail in self.tails),
            answers=tuple(answers.sequences for answers in self.answers),
        )


def pack(prompts: Sequence[EncodedPrompt], answers: Sequence[AnswerTokens]) -> PackedRequest:
    """The request for these prompts and their answers."""
    ids = [prompt.token_ids for prompt in prompts]
    # What the smallest and the largest of sorted sequences share, all share.
    n_shared = count_shared(min(ids), max(ids))
    return PackedRequest(
        array("I", ids[0][:n_shared]), tuple(array("I", prompt[n_shared:]) for prompt in ids), tuple(answers)
    )


class Requests(Sequence["ScoreRequest"]):
    """Packed requests that unpack one by one as they are read."""

    def __init__(self, packed: Sequence[PackedRequest]) -> None:
        self.packed = tuple(packed)

    def __len__(self) -> int:
        return len(self.packed)

    @overload
    def __getitem__(self, index: int) -> ScoreRequest: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[ScoreRequest]: ...

    def __getitem__(self, index: int | slice) -> ScoreRequest | Sequence[ScoreRequest]:
        return Requests(self.packed[index]) if isinstance(index, slice) else self.packed[index].unpack()

    def __iter__(self) -> Iterator[ScoreRequest]:
        return (packed.unpack() for packed in self.packed)
