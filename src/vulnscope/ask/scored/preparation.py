"""Samples to requests: rendered, tokenised, and cut where they are longer than the model reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vulnscope.ask.scored.packed import PackedRequest, Requests
from vulnscope.ask.windows import cut_to_fit, explain_too_long, list_units, measure_parts, note_left_out
from vulnscope.corpora import Sample
from vulnscope.records.audit import LeftOut
from vulnscope.records.rows import Truncation

if TYPE_CHECKING:
    from vulnscope.ask.scored.yes_no import YesNoProtocol
    from vulnscope.corpora.code.chunks import CutCode

_SAMPLES_PER_CALL = 32
# Parts of code are measured by the tokens of the whole, which is much faster; at the seams tokens merge another way.
_SLACK_TOKENS = (8, 64, 256)


@dataclass(frozen=True)
class Prepared:
    """What will be asked: samples with their code as the model sees it, how each was cut, and the requests."""

    samples: tuple[Sample, ...]
    cuts: tuple[Truncation | None, ...]
    requests: Requests
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True)
class _Ready:
    sample: Sample
    cut: Truncation | None
    request: PackedRequest


def prepare(protocol: YesNoProtocol, samples: Sequence[Sample], max_positions: int | None) -> Prepared:
    """Requests for `samples`, in their order; over-long ones cut, twins under one window.

    `max_positions` is what the model reads at most, None for no limit. Samples that cannot be asked are left out.
    """
    ready: dict[str, _Ready] = {}
    refused: dict[str, list[str]] = {}
    units = list(list_units(samples, refused))
    for at in range(0, len(units), _SAMPLES_PER_CALL):
        chunk = units[at : at + _SAMPLES_PER_CALL]
        packed = iter(protocol.pack([(sample.language, sample.code) for unit in chunk for sample in unit]))
        for unit in chunk:
            made = [_Ready(sample, None, next(packed)) for sample in unit]
            if not all(_fits(each.request, max_positions) for each in made):
                made = _cut_unit(protocol, made, max_positions or 0, refused)
            ready.update((each.sample.id, each) for each in made)
    kept = [ready[sample.id] for sample in samples if sample.id in ready]
    return Prepared(
        samples=tuple(each.sample for each in kept),
        cuts=tuple(each.cut for each in kept),
        requests=Requests([each.request for each in kept]),
        left_out=note_left_out(refused),
    )


def _fits(request: PackedRequest, max_positions: int | None) -> bool:
    return max_positions is None or _longest(request) <= max_positions


def _longest(request: PackedRequest) -> int:
    """Tokens of the longest prompt with the longest of its answers."""
    return max(
        n_tokens + max(map(len, answers.sequences))
        for n_tokens, answers in zip(request.n_tokens, request.answers, strict=True)
    )


def _cut_unit(
    protocol: YesNoProtocol, made: Sequence[_Ready], max_positions: int, refused: dict[str, list[str]]
) -> list[_Ready]:
    """The unit cut until it fits; nothing, and a reason in `refused`, where it cannot be."""
    samples = [each.sample for each in made]
    room = max_positions - _longest(protocol.pack([(samples[0].language, "")])[0])
    measure = measure_parts([(sample.code, protocol.token_starts(sample.code)) for sample in samples])

    def build(pieces: Sequence[CutCode]) -> list[_Ready]:
        requests = protocol.pack([(sample.language, piece.text) for sample, piece in zip(samples, pieces, strict=True)])
        return [
            _Ready(sample.model_copy(update={"code": piece.text}), piece.cut, request)
            for sample, piece, request in zip(samples, pieces, requests, strict=True)
        ]

    cut = cut_to_fit(
        samples,
        _SLACK_TOKENS,
        lambda part, slack: measure(part) <= room - slack,
        build,
        lambda each: _fits(each.request, max_positions),
    )
    if not cut:
        refused.setdefault(explain_too_long(max_positions), []).extend(sample.id for sample in samples)
    return cut
