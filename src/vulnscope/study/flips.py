"""Pairs whose verdict an intervention changed: which, under what, and whether for the better."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from vulnscope.ask.figures.paired_scores import ScoreTable
from vulnscope.study.record import FlipCount, FlippedTwins, TwinsUnder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vulnscope.corpora import Corpus, Sample
    from vulnscope.records.rows import Says
    from vulnscope.records.steer import SteerRecord

N_WITH_CODE = 40
RIGHT: tuple[Says, Says] = ("vulnerable", "fixed")

Change = Literal["mended", "broken", "other"]
_ORDER: tuple[Change, ...] = ("mended", "broken", "other")


def list_flips(steer: SteerRecord, corpus: Corpus, *, n_with_code: int = N_WITH_CODE) -> tuple[FlippedTwins, ...]:
    """Pairs of which an intervention changed a verdict: mended ones first, then broken ones; the first with code."""
    found = [
        _describe(twins, before, changed)
        for twins, before, after in _read_twins(steer, corpus)
        if (changed := [each for each in after if each.says != before.says])
    ]
    found.sort(key=lambda each: _ORDER.index(min((_judge(each.before, a) for a in each.after), key=_ORDER.index)))
    return tuple(
        each if place < n_with_code else each.model_copy(update={"code": None}) for place, each in enumerate(found)
    )


def count_flips(steer: SteerRecord, corpus: Corpus) -> tuple[FlipCount, ...]:
    """Per intervention, how many pairs it mended, broke, or changed otherwise."""
    changes: dict[str, list[Change]] = {outcome.name: [] for outcome in steer.outcomes if outcome.says}
    for _, before, after in _read_twins(steer, corpus):
        for each in after:
            if each.says != before.says:
                changes[each.name].append(_judge(before, each))
    return tuple(
        FlipCount(name=name, n_mended=own.count("mended"), n_broken=own.count("broken"), n_other=own.count("other"))
        for name, own in changes.items()
    )


def _read_twins(steer: SteerRecord, corpus: Corpus) -> list[tuple[tuple[Sample, Sample], TwinsUnder, list[TwinsUnder]]]:
    """Every pair of the report groups, un-steered and under each intervention."""
    by_id = {sample.id: sample for sample in corpus.samples}
    samples = [by_id[item.sample] for item in steer.items]
    places: list[list[int]] = ScoreTable.of(samples, dict(corpus.groups)).twins().tolist() if samples else []
    told = [
        ("un-steered", [item.margin for item in steer.items], [item.says for item in steer.items]),
        *((outcome.name, outcome.margins, outcome.says) for outcome in steer.outcomes if outcome.says),
    ]
    found = []
    for one, other in places:
        clean, *after = (_take(name, margins, says, one, other) for name, margins, says in told)
        found.append(((samples[one], samples[other]), clean, after))
    return found


def _take(name: str, margins: Sequence[float], says: Sequence[Says], one: int, other: int) -> TwinsUnder:
    return TwinsUnder(name=name, margins=(margins[one], margins[other]), says=(says[one], says[other]))


def _describe(twins: tuple[Sample, Sample], before: TwinsUnder, after: Sequence[TwinsUnder]) -> FlippedTwins:
    return FlippedTwins(
        pair=twins[0].pair_id or "",
        cwe=" ".join(twins[0].cwes),
        language=twins[0].language,
        before=before,
        after=tuple(after),
        code=(twins[0].code, twins[1].code),
    )


def _judge(before: TwinsUnder, after: TwinsUnder) -> Change:
    if after.says == RIGHT:
        return "mended"
    return "broken" if before.says == RIGHT else "other"
