"""Three disjoint sets of groups: one fits, one chooses, one reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vulnscope.ask.figures.paired_scores import ScoreTable
from vulnscope.ask.preparing import open_protocol, prepare_selected
from vulnscope.ask.scored.items import QuestionItems, ask_items
from vulnscope.corpora.splits import hash_group
from vulnscope.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vulnscope.ask.scored.preparation import Prepared
    from vulnscope.ask.scored.yes_no import YesNoProtocol
    from vulnscope.ask.settings import Selection
    from vulnscope.corpora import Corpus, Sample
    from vulnscope.models import Subject

MIN_GROUPS = {"fit": 4, "choose": 4, "report": 4}
SPLITS = ("fit", "choose", "report")


class Split(NamedTuple):
    """One of the three sets: its samples, what is known of them, and the canonical questions about them."""

    samples: tuple[Sample, ...]
    items: ScoreTable
    asked: tuple[QuestionItems, QuestionItems]

    @property
    def cwes(self) -> list[str]:
        """CWEs of each item in words."""
        return [" ".join(sample.cwes) or "none" for sample in self.samples]


def ask_both(subject: Subject, protocol: YesNoProtocol, prepared: Prepared) -> tuple[QuestionItems, QuestionItems]:
    """The canonical questions about what is prepared: "vulnerable?" and "secure?"."""
    return ask_items(subject, protocol, prepared, 0), ask_items(subject, protocol, prepared, 1)


def deal_splits(groups: Sequence[str], fractions: tuple[float, float, float], seed: int) -> np.ndarray:
    """0, 1 or 2 (fit, choose, report) for each item, whole groups each, in the order of the groups' hashes.

    Raises `InputError` saying how many groups are needed where a set would be too small.
    """
    order = sorted(set(groups), key=lambda group: hash_group(group, seed))
    needed = max(-(-MIN_GROUPS[name] // fraction) for name, fraction in zip(SPLITS, fractions, strict=True))
    if len(order) < needed:
        raise InputError(
            f"fitting, choosing and reporting on disjoint groups needs at least {int(needed)} groups; there are "
            f"{len(order)}. Use a larger corpus"
        )
    bounds = np.cumsum(np.array(fractions) * len(order)).round().astype(int)
    side = {group: int(np.searchsorted(bounds, place, side="right")) for place, group in enumerate(order)}
    return np.array([min(side[group], 2) for group in groups], dtype=np.int64)


def take_split(
    number: int,
    sides: np.ndarray,
    samples: Sequence[Sample],
    items: ScoreTable,
    asked: tuple[QuestionItems, QuestionItems],
) -> Split:
    """The split of that number; raises `InputError` where it lacks twins."""
    kept = sides == number
    places = np.flatnonzero(kept).tolist()
    own = items.part(kept)
    if len(own.twins()) < 2:
        raise InputError(f"the {SPLITS[number]} groups hold {len(own.twins())} pair; at least 2 are needed in each")
    first, second = (
        QuestionItems(tuple(each.items[i] for i in places), tuple(each.answers[i] for i in places)) for each in asked
    )
    return Split(tuple(samples[i] for i in places), own, (first, second))


@dataclass(frozen=True, eq=False)
class Splits:
    """The three splits, and what all stages share."""

    protocol: YesNoProtocol
    prepared: Prepared
    fit: Split
    choose: Split
    report: Split


def prepare_splits(
    subject: Subject, corpus: Corpus, config: Selection, fractions: tuple[float, float, float]
) -> Splits:
    """The corpus as questions, dealt into groups that fit, choose and report, by `fractions` of all groups."""
    protocol = open_protocol(subject, config)
    prepared = prepare_selected(subject, corpus, config, protocol)
    items = ScoreTable.of(prepared.samples, corpus.groups)
    asked = ask_both(subject, protocol, prepared)
    sides = deal_splits(items.groups, fractions, config.seed)
    splits = [take_split(number, sides, prepared.samples, items, asked) for number in range(3)]
    return Splits(protocol, prepared, *splits)
