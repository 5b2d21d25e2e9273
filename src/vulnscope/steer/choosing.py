"""What the choose split decides: the best point of each method, of each control, and the gate's threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vulnscope.ask.figures.paired_scores import ScoreTable, area_under
from vulnscope.effects.margins import Margins
from vulnscope.effects.outcomes import pair_correct
from vulnscope.records.base import NotMeasured

if TYPE_CHECKING:
    from vulnscope.steer.config import SteerConfig


class Quality(NamedTuple):
    """What is maximised, first by the first."""

    first: float
    second: float


class ChosenGate(NamedTuple):
    """An edit applies to items whose read-out passes the threshold, above it or below it."""

    threshold: float
    is_above: bool


def judge_margins(margins: Margins, items: ScoreTable, choose_by: str) -> Quality:
    """Pair-correct and AUROC, in the order asked for."""
    area = area_under(margins.margins, items)
    both = pair_correct(margins, items), 0.5 if isinstance(area, NotMeasured) else area
    return Quality(*(both if choose_by == "pair-correct" else both[::-1]))


def choose_best(found: Mapping[str, Margins], items: ScoreTable, config: SteerConfig) -> str:
    """The key whose margins are best; the first of equals."""
    return max(found, key=lambda key: judge_margins(found[key], items, config.choose_by))


def choose_gate(
    clean: Margins, edited: Margins, read_out: np.ndarray, items: ScoreTable, config: SteerConfig
) -> ChosenGate:
    """The threshold on `read_out` for which mixing clean and edited answers is best, over its deciles and both sides.

    Decided for each text on its own prompt, so that mixing what was measured is what the conditional edit will do.
    """
    gates = [
        ChosenGate(float(cut), is_above)
        for cut in np.unique(np.quantile(read_out, np.linspace(0.1, 0.9, 9)))
        for is_above in (True, False)
    ]
    return max(gates, key=lambda gate: judge_margins(mix(clean, edited, read_out, gate), items, config.choose_by))


def mix(clean: Margins, edited: Margins, read_out: np.ndarray, gate: ChosenGate) -> Margins:
    """Edited where the gate is open, clean elsewhere."""
    is_open = read_out > gate.threshold if gate.is_above else read_out < gate.threshold
    says = tuple(e if o else c for c, e, o in zip(clean.says, edited.says, is_open.tolist(), strict=True))
    return Margins(np.where(is_open, edited.margins, clean.margins), says)
