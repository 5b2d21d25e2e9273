"""What deployment would be like: ordinary functions beside the vulnerable samples of the corpus.

Twins answer whether a model knows the difference. Whoever deploys it asks something else: how often does it cry wolf on
ordinary code, how much is found at an alarm rate one can live with, and how many alarms are right where few functions
are vulnerable. Precision = p r / (p r + (1 - p) a) at prevalence p, recall r and alarm rate a. Ordinary functions are
taken for not vulnerable, so a true finding among them counts as an alarm: alarm rates are upper bounds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vulnscope.ask.figures.slices import group_items
from vulnscope.ask.worded.answers_to_rows import unify_readouts
from vulnscope.audit.figures.shares import estimate_mean
from vulnscope.records.answers import MarginKind
from vulnscope.records.base import Estimate, NotMeasured, Number, not_measured
from vulnscope.records.figures import Background, DeploymentPoint, LoudFunction
from vulnscope.stats import (
    MIN_GROUPS,
    Bootstrap,
    Floats,
    Groups,
    Rate,
    Statistic,
    auroc_statistic,
    cut_at,
    divide,
    estimate,
    estimate_of_rates,
    map_estimate,
    recall_statistic,
    warn_of_few_negatives,
)

if TYPE_CHECKING:
    from vulnscope.ask.figures.slices import JudgedSample

ALARM_RATES = (0.01, 0.05)
"""Alarm rates on ordinary functions at which recall is stated."""

NO_CUT = "answers in words have no margin to cut"

_N_LOUD = 12
_MAX_MARGINS = 1000


class Source(NamedTuple):
    """Where the ordinary functions come from, and how they were asked where that differs from the corpus."""

    folder: str
    digest: str
    left_out: tuple[str, ...] = ()
    asked: str = ""


class Sides(NamedTuple):
    """Ordinary functions, and the vulnerable samples of the corpus."""

    ordinary: Sequence[JudgedSample]
    vulnerable: Sequence[JudgedSample]

    @property
    def items(self) -> list[JudgedSample]:
        """Both, ordinary first."""
        return [*self.ordinary, *self.vulnerable]

    @property
    def is_vulnerable(self) -> list[bool]:
        """Whether each of `items` is of the second kind."""
        return [False] * len(self.ordinary) + [True] * len(self.vulnerable)

    def groups(self) -> Groups:
        """Files and groups of the corpus, which never share one."""
        labels = [(side, item.group) for side, items in enumerate(self) for item in items]
        return Groups.from_labels(labels)

    @property
    def n_effective(self) -> float:
        """Effective groups of the side that has fewer, which decide what interval both carry."""
        return min(group_items(items).n_effective for items in self)


def measure_background(
    ordinary: Sequence[JudgedSample],
    items: Sequence[JudgedSample],
    source: Source,
    prevalence: float,
    bootstrap: Bootstrap,
) -> Background:
    """Alarms on `ordinary` functions, drawn from `source`, against the vulnerable among `items`.

    Where an answer of either is in words there is no margin to cut: what is said is all there is.
    """
    sides = _on_one_scale(Sides(ordinary, [item for item in items if item.is_vulnerable]))
    readout: MarginKind = "text" if any(item.row.readout == "text" for item in sides.items) else "log-odds"
    margins = [item.row.margin for item in sides.ordinary]
    cuts = [_at(sides, rate, prevalence, bootstrap) if readout == "log-odds" else _no_cut(rate) for rate in ALARM_RATES]
    step = -(-len(margins) // _MAX_MARGINS)
    return Background(
        folder=source.folder,
        functions_digest=source.digest,
        n_functions=len(ordinary),
        n_files=len({item.group for item in ordinary}),
        languages=dict(Counter(item.sample.language for item in ordinary)),
        asked=source.asked,
        readout=readout,
        prevalence=prevalence,
        unparsed_rate=estimate_mean(
            [item.row.says == "unparsed" for item in ordinary], group_items(ordinary), bootstrap
        ),
        auroc=_auroc(sides, bootstrap),
        points=(_as_said(sides, prevalence, bootstrap), *cuts),
        loudest=_list_loudest(sides.ordinary, readout),
        margins=tuple(sorted(margins)[::step]),
        left_out=source.left_out,
    )


def _on_one_scale(sides: Sides) -> Sides:
    rows = iter(unify_readouts([item.row for item in sides.items]))
    return Sides(*([item._replace(row=next(rows)) for item in side] for side in sides))


def _list_loudest(ordinary: Sequence[JudgedSample], readout: MarginKind) -> tuple[LoudFunction, ...]:
    alarming = [item for item in ordinary if readout == "log-odds" or item.row.says == "vulnerable"]
    return tuple(
        LoudFunction(
            function=item.sample.origin.path,
            margin=item.row.margin,
            says=item.row.says,
            log_odds=item.row.decided_by,
        )
        for item in sorted(alarming, key=lambda item: -item.row.margin)[:_N_LOUD]
    )


def precision_at(recall: float, alarm_rate: float, prevalence: float) -> Number:
    """Share of alarms that are right; `NotMeasured` where there are none."""
    right, wrong = prevalence * recall, (1 - prevalence) * alarm_rate
    return right / (right + wrong) if right + wrong else NotMeasured(reason="no alarms at all")


def _as_said(sides: Sides, prevalence: float, bootstrap: Bootstrap) -> DeploymentPoint:
    """Alarms are the answers "vulnerable"."""
    raised = [item.row.says == "vulnerable" for item in sides.items]
    n_ordinary = len(sides.ordinary)
    alarm_rate = estimate_mean(raised[:n_ordinary], group_items(sides.ordinary), bootstrap)
    recall = estimate_mean(raised[n_ordinary:], group_items(sides.vulnerable), bootstrap)
    return DeploymentPoint(
        name="what it says",
        cut=NotMeasured(reason="the answer itself, no cut on the margin"),
        alarm_rate=alarm_rate,
        recall=recall,
        precision=_precision(raised, sides, prevalence, alarm_rate, recall, bootstrap),
    )


def _at(sides: Sides, rate: float, prevalence: float, bootstrap: Bootstrap) -> DeploymentPoint:
    """Alarms are margins above the lowest cut that keeps `rate` on the ordinary functions."""
    cut = cut_at([item.row.margin for item in sides.ordinary], rate)
    if isinstance(cut, NotMeasured) or not sides.vulnerable:
        raise AssertionError("a background has functions, and a corpus that was asked vulnerable samples")
    raised = [item.row.margin > cut for item in sides.ordinary]
    n_ordinary = len(sides.ordinary)
    alarm_rate = estimate_mean(raised, group_items(sides.ordinary), bootstrap)
    margins = [item.row.margin for item in sides.items]
    statistic = recall_statistic(margins, sides.is_vulnerable, sides.groups(), rate)
    recall = _estimate(sides, statistic, len(sides.vulnerable), bootstrap)
    return DeploymentPoint(
        name=_name_cut(rate),
        cut=cut,
        alarm_rate=alarm_rate,
        recall=recall,
        # The rate itself stands for the alarms: the cut is meant to keep it wherever it is used.
        precision=_precision_at_rate(recall, rate, prevalence),
        warning=warn_of_few_negatives(n_ordinary, rate),
    )


def _no_cut(rate: float) -> DeploymentPoint:
    missing = not_measured(NO_CUT)
    return DeploymentPoint(
        name=_name_cut(rate), cut=NotMeasured(reason=NO_CUT), alarm_rate=missing, recall=missing, precision=missing
    )


def _name_cut(rate: float) -> str:
    return f"margin above the cut for {100 * rate:g} % alarms"


def _auroc(sides: Sides, bootstrap: Bootstrap) -> Estimate:
    scores = [item.row.rank_score for item in sides.items]
    return estimate(auroc_statistic(scores, sides.is_vulnerable, sides.groups()), sides.groups(), bootstrap)


def _estimate(sides: Sides, statistic: Statistic, n_items: int, bootstrap: Bootstrap) -> Estimate:
    """A share that rests on both sides."""
    return estimate(
        statistic,
        sides.groups(),
        bootstrap,
        low=0.0,
        high=1.0,
        n_effective=sides.n_effective,
        n_items=n_items,
    )


def _precision(
    raised: Sequence[bool],
    sides: Sides,
    prevalence: float,
    alarm_rate: Estimate,
    recall: Estimate,
    bootstrap: Bootstrap,
) -> Estimate:
    """Resampled where there are groups enough and alarms of both sorts; else from Wilson's intervals of both rates."""
    groups = sides.groups()
    truth, alarm = np.array(sides.is_vulnerable), np.array(raised)
    sums = [(groups.sums(alarm & side), groups.sums(side)) for side in (truth, ~truth)]

    def of_draws(weights: Floats) -> Floats:
        found, alarms = (divide(weights @ top, weights @ bottom) for top, bottom in sums)
        return divide(prevalence * found, prevalence * found + (1 - prevalence) * alarms)

    sizes = [group_items(items).n_effective for items in (sides.vulnerable, sides.ordinary)]
    is_spread = all(0 < float(rate.value) < 1 for rate in (recall, alarm_rate))
    if is_spread and min(sizes) >= MIN_GROUPS:
        return _estimate(sides, of_draws, len(sides.items), bootstrap)
    return estimate_of_rates(
        lambda found, alarms: precision_at(found, alarms, prevalence),
        [(Rate(float(recall.value), sizes[0]), True), (Rate(float(alarm_rate.value), sizes[1]), False)],
        groups,
        len(sides.items),
    )


def _precision_at_rate(recall: Estimate, rate: float, prevalence: float) -> Estimate:
    """Precision where the alarm rate is kept: it rises with recall, so its interval is that of recall."""
    return map_estimate(recall, lambda value: precision_at(value, rate, prevalence))
