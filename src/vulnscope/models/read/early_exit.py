"""Running batches up to their highest site: taps fire, then the forward stops; nothing above is computed.

Where memory runs out, the batch and all later ones run in smaller calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import torch
from pydantic import Field

from vulnscope.errors import SubjectError
from vulnscope.models.forward.call_layout import Call, announcing
from vulnscope.models.forward.forward import run_model
from vulnscope.models.forward.hooks import Site, Tap, tapped
from vulnscope.models.forward.memory_budget import is_out_of_memory
from vulnscope.models.subject.selfcheck import RIGHT_PADDING
from vulnscope.records.base import Record

if TYPE_CHECKING:
    from jaxtyping import Int
    from torch import Tensor

    from vulnscope.models.subject.subject import Subject

Result = TypeVar("Result")


class ReadBackOff(Record):
    """Memory ran out: from batch number `batch` on, a call holds at most `max_tokens` padded tokens."""

    batch: int = Field(ge=0)
    max_tokens: int = Field(ge=1)


class _Reached(Exception):  # no error: it carries the forward out of the model
    """Every site has been seen."""


@contextmanager
def stopping(subject: Subject, taps: Mapping[Site, Tap]) -> Iterator[None]:
    """Inside the block a forward calls each tap once and ends as soon as all have fired.

    The block around the forward is left at that point, silently; code after the forward inside it does not run.
    Counting sites rather than comparing layers makes no assumption on the order of branches inside a layer.
    """
    waiting = set(taps)

    def counted(site: Site, tap: Tap) -> Tap:
        def fire(hidden: Tensor) -> Tensor | None:
            changed = tap(hidden)
            waiting.discard(site)
            if not waiting:
                raise _Reached
            return changed

        return fire

    try:
        with tapped(subject.model, subject.architecture, {site: counted(site, tap) for site, tap in taps.items()}):
            yield
    except _Reached:
        return


def read_batch(subject: Subject, rows: Sequence[Sequence[int]], taps: Mapping[Site, Tap]) -> None:
    """Run token `rows`, padded on the right where they differ in length, and stop after the highest site.

    What follows a token cannot change it, so no mask is needed.
    """
    if subject.backend == "nnsight":
        from vulnscope.models.read.nnsight_backend import read_traced

        read_traced(subject, rows, taps)
        return
    tokens, positions = (tensor.to(subject.device) for tensor in pad_right(rows))
    real = positions < torch.tensor([[len(row)] for row in rows], device=subject.device)
    with announcing(subject.model, Call(positions, real)), stopping(subject, taps):
        run_model(subject.model, subject.architecture, tokens, positions)


def pad_right(rows: Sequence[Sequence[int]]) -> tuple[Int[Tensor, "batch seq"], Int[Tensor, "batch seq"]]:
    """Token ids padded on the right with 0, and their positions."""
    width = max(len(row) for row in rows)
    tokens = torch.tensor([[*row, *(0 for _ in range(width - len(row)))] for row in rows])
    return tokens, torch.arange(width).expand(len(rows), -1)


def plan_reading(subject: Subject, lengths: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Rows of similar length together, at most `max_tokens` with padding; equal lengths where padding is not exact."""
    is_padding_allowed = subject.trusted(max(lengths, default=0)).has(RIGHT_PADDING)
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        longest = lengths[batches[-1][0]] if batches else 0
        has_room = bool(batches) and (len(batches[-1]) + 1) * longest <= max_tokens
        if has_room and (is_padding_allowed or lengths[index] == longest):
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches[::-1]


def run_batches(
    subject: Subject,
    batches: Iterable[tuple[int, Sequence[int]]],
    lengths: Sequence[int],
    run: Callable[[Sequence[int]], Result],
    back_offs: list[ReadBackOff],
    on_backoff: Callable[[ReadBackOff], None] | None = None,
) -> Iterator[tuple[Sequence[int], Result]]:
    """What `run` makes of each numbered batch, whole or in parts, with the rows of the part.

    `back_offs` are steps taken earlier, which are repeated; a new one is appended, and `on_backoff` hears of it before
    the batch runs again. Raises `SubjectError` where calls no larger than the longest row do not fit either.
    """
    for number, batch in batches:
        limit = min((step.max_tokens for step in back_offs if step.batch <= number), default=None)
        while True:
            parts = _cut(batch, lengths, limit)
            try:
                results = [run(part) for part in parts]
                break
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                longest = max(lengths[i] for i in batch)
                largest = max(len(part) * max(lengths[i] for i in part) for part in parts)
                if largest <= longest:
                    raise SubjectError(
                        f"out of memory on one call of {longest} tokens; no smaller one holds it"
                    ) from error
            # Outside the except block, so that the failed call's tensors are freed first.
            if subject.device.type == "cuda":
                torch.cuda.empty_cache()
            limit = max(longest, largest // 2)
            back_offs.append(ReadBackOff(batch=number, max_tokens=limit))
            if on_backoff:
                on_backoff(back_offs[-1])
        yield from zip(parts, results, strict=True)


def _cut(batch: Sequence[int], lengths: Sequence[int], limit: int | None) -> list[Sequence[int]]:
    """The batch in consecutive parts of at most `limit` padded tokens, or of one row."""
    if limit is None:
        return [batch]
    parts: list[list[int]] = []
    longest = 0
    for row in batch:
        longest = max(longest, lengths[row])
        if not parts or (len(parts[-1]) + 1) * longest > limit:
            parts.append([])
            longest = lengths[row]
        parts[-1].append(row)
    return list(parts)
