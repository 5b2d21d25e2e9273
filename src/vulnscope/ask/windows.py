"""Twins as one unit, code cut until it fits what a model reads, and what is left out for which reason."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from vulnscope.corpora import Sample
from vulnscope.corpora.code.chunks import CutCode, cut_code, cut_twins
from vulnscope.errors import InputError
from vulnscope.prompts.tokens import quote, tokenise
from vulnscope.records.audit import LeftOut

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Unit = tuple[Sample, ...]
T = TypeVar("T")

_EXAMPLES = 5


def list_units(samples: Sequence[Sample], refused: dict[str, list[str]]) -> Iterator[Unit]:
    """Pairs with both twins present, and single samples; those whose code is no text go into `refused` by reason."""
    units: dict[str, list[Sample]] = {}
    for sample in samples:
        if _is_text(sample.code):
            is_single = sample.pair_id is None or sample.label == "unlabelled"
            units.setdefault(f"sample:{sample.id}" if is_single else f"pair:{sample.pair_id}", []).append(sample)
        else:
            refused.setdefault("not valid Unicode text (lone surrogates)", []).append(sample.id)
    for unit in units.values():
        if {sample.label for sample in unit} == {"vulnerable", "fixed"} and len(unit) == 2:
            yield tuple(unit)
        else:
            yield from ((sample,) for sample in unit)


def _is_text(code: str) -> bool:
    try:
        code.encode()
    except UnicodeEncodeError:
        return False
    return True


def cut_samples(samples: Sequence[Sample], fits: Callable[[str], bool]) -> Sequence[CutCode]:
    """A sample, or twins under one window, shortened until each part `fits`; raises `InputError` where none does."""
    first = samples[0]
    if len(samples) == 1:
        return [cut_code(first.code, first.language, first.changed_lines, fits)]
    return cut_twins(first.code, samples[1].code, first.language, fits)


def cut_to_fit(
    samples: Sequence[Sample],
    slacks: Sequence[int],
    fits_part: Callable[[str, int], bool],
    build: Callable[[Sequence[CutCode]], list[T]],
    fits: Callable[[T], bool],
) -> list[T]:
    """What `build` makes of a sample or twins under one window, cut until all of it `fits`; nothing where none does.

    `fits_part` estimates whether a part of the code will fit with so many tokens to spare, tried in order.
    """
    for slack in slacks:
        try:
            pieces = cut_samples(samples, lambda part, slack=slack: fits_part(part, slack))  # type: ignore[misc]
        except InputError:
            break
        made = build(pieces)
        if all(fits(each) for each in made):
            return made
    return []


def explain_too_long(max_positions: int) -> str:
    """Why what could not be cut is not asked."""
    return f"longer than the {max_positions} tokens the model reads, and cannot be cut"


def note_left_out(refused: Mapping[str, Sequence[str]]) -> tuple[LeftOut, ...]:
    """Ids by reason as a record states them."""
    return tuple(
        LeftOut(reason=reason, n=len(ids), examples=tuple(ids[:_EXAMPLES])) for reason, ids in refused.items() if ids
    )


def measure_parts(codes: Sequence[tuple[str, Sequence[int]]]) -> Callable[[str], int]:
    """How many tokens a part of one of `codes` has, from where the tokens of the whole begin."""

    def measure(part: str) -> int:
        for code, starts in codes:
            place = code.find(part)
            if place >= 0:
                return bisect_left(starts, place + len(part)) - bisect_left(starts, place)
        raise AssertionError("a cut shows code that was not there")

    return measure


def token_starts(code: str, tokenizer: PreTrainedTokenizerBase) -> Sequence[int]:
    """Where in code each of its tokens begins, in order; evenly spread where the tokenizer cannot tell."""
    ((ids, offsets),) = tokenise([quote(code)], tokenizer, add_special_tokens=False, with_offsets=True)
    if offsets is not None:
        return [span.start for span in offsets]
    return [place * len(code) // len(ids) for place in range(len(ids))]
