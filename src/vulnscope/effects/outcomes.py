"""Margins before and after to figures: bias shift, sensitivity, pair cells, and the claim an intervention supports.

Pure: margins and labels in, records out; the simulations of false claims run exactly this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vulnscope.ask.figures.paired_scores import ScoreTable, area_under, measure_auroc, measure_difference, rank_twins
from vulnscope.effects.controls import RANDOM, SHUFFLED
from vulnscope.effects.margins import Margins
from vulnscope.records.base import Estimate, NotMeasured, Number
from vulnscope.records.panel import Said
from vulnscope.records.steer import ControlSet, CweOutcome, Effect, Outcome
from vulnscope.stats import (
    LEVEL,
    Bootstrap,
    Floats,
    Groups,
    correct,
    estimate,
    estimate_mean,
    is_impossible,
    mean_statistic,
    sign_flip_test,
)

if TYPE_CHECKING:
    from vulnscope.records.steer import ControlName, Kind, SideEffects

ROUNDING = 1e-4
"""Nats below which a change of margin is the arithmetic's."""


@dataclass(frozen=True)
class Controls:
    """How the controls changed AUROC, and shifted margins (nats), on the same items."""

    random: tuple[float, ...] = ()
    shuffled: tuple[float, ...] = ()
    random_shifts: tuple[float, ...] = ()
    shuffled_shifts: tuple[float, ...] = ()


def measure_outcome(
    name: str,
    kind: Kind,
    what: str,
    clean: Margins,
    after: Margins,
    items: ScoreTable,
    bootstrap: Bootstrap,
    *,
    sign: float,
    controls: Controls,
    cwes: Sequence[str] = (),
    digest: str | None = None,
    side_effects: SideEffects | None = None,
) -> Outcome:
    """One intervention against the un-steered run on the same items; `sign` is that of its scale, 0 where it has none.

    p-values are corrected later, over the family.
    """
    change = after.margins - clean.margins
    auroc_change, _ = measure_difference(after.margins, clean.margins, items, bootstrap)
    ranks = rank_twins(after.margins, items) - rank_twins(clean.margins, items)
    pair_groups = items.pair_groups()
    p = sign_flip_test(ranks, pair_groups)
    observed = auroc_gain(clean.margins, after.margins, items)
    said = measure_said(after, items, bootstrap)
    shift = abs(float(change.mean()))
    outcome = Outcome(
        name=name,
        kind=kind,
        what=what,
        intervention_digest=digest,
        bias_shift=_mean(change, items, bootstrap),
        bias_p=sign_flip_test(np.where(np.abs(change) < ROUNDING, 0.0, change), Groups.from_labels(items.groups)),
        auroc=said.auroc,
        auroc_change=auroc_change,
        pair_rank_change=_mean_change(ranks, pair_groups, bootstrap),
        pair_correct=said.pair_correct,
        pair_correct_change=_mean_change(_is_right(after, items) - _is_right(clean, items), pair_groups, bootstrap),
        yes_rate=said.yes_rate,
        unparsed_rate=said.unparsed_rate,
        anti_steered_rate=_anti_steered(change, sign),
        p=p,
        p_corrected=p,
        p_random=_control_p(observed, controls.random, RANDOM),
        p_shuffled=_control_p(observed, controls.shuffled, SHUFFLED),
        bias_p_random=_control_p(shift, [abs(each) for each in controls.random_shifts], RANDOM),
        bias_p_shuffled=_control_p(shift, [abs(each) for each in controls.shuffled_shifts], SHUFFLED),
        effect="nothing shown",
        per_cwe=_by_cwe(clean, after, items, cwes, bootstrap),
        side_effects=side_effects,
    )
    return outcome.model_copy(update={"effect": judge_effect(outcome)})


def measure_said(margins: Margins, items: ScoreTable, bootstrap: Bootstrap) -> Said:
    """What a subject says of the items: how well it tells twins apart, and how often it says vulnerable."""
    return Said(
        auroc=measure_auroc(margins.margins, items, bootstrap),
        pair_correct=estimate_mean(_is_right(margins, items), items.pair_groups(), bootstrap),
        yes_rate=_mean([s == "vulnerable" for s in margins.says], items, bootstrap, is_proportion=True),
        unparsed_rate=_mean([s == "unparsed" for s in margins.says], items, bootstrap, is_proportion=True),
    )


def correct_outcomes(outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
    """The outcomes with p-values corrected over the family, and their effects judged anew by these."""
    corrected = correct([each.p for each in outcomes], [each.pair_rank_change.n_groups for each in outcomes])
    family = [each.model_copy(update={"p_corrected": p}) for each, p in zip(outcomes, corrected.p_values, strict=True)]
    return tuple(own.model_copy(update={"effect": judge_effect(own)}) for own in family)


def judge_effect(outcome: Outcome) -> Effect:
    """What an intervention did beyond directions that mean nothing.

    `sensitivity`: twins are told apart better than before: the interval of the AUROC's change lies above 0, and the
    corrected p-value of the change of pair-rank and both control p-values are .05 or below. `criterion only`: the
    margins moved as a whole (sign flips by group), further than both controls move them; a threshold moves nothing
    else and has no direction to compare. `not beyond controls`: they moved, and no control stands behind it.
    `cannot be found here`: so few groups could not have shown it.
    """
    low = outcome.auroc_change.low
    ps = (outcome.p_corrected, outcome.p_random, outcome.p_shuffled)
    if isinstance(low, float) and low > 0 and all(map(_is_shown, ps)):
        return "sensitivity"
    if not _is_shown(outcome.bias_p):
        return "cannot be found here" if is_impossible(outcome.p_corrected) else "nothing shown"
    is_beyond = _is_shown(outcome.bias_p_random) and _is_shown(outcome.bias_p_shuffled)
    return "criterion only" if is_beyond or outcome.kind == "threshold" else "not beyond controls"


def _is_shown(p: Number) -> bool:
    return isinstance(p, float) and p <= LEVEL


def auroc_gain(clean: Floats, after: Floats, items: ScoreTable) -> Number:
    """AUROC after minus before; `NotMeasured` where no stratum has two groups."""
    before, later = (area_under(each, items) for each in (clean, after))
    if isinstance(before, NotMeasured) or isinstance(later, NotMeasured):
        return before if isinstance(before, NotMeasured) else later
    return later - before


def pair_correct(margins: Margins, items: ScoreTable) -> float:
    """Share of pairs with both greedy answers right."""
    return float(_is_right(margins, items).mean())


def measure_controls(name: ControlName, found: Sequence[Margins], clean: Margins, items: ScoreTable) -> ControlSet:
    """What directions that mean nothing changed on the items of `clean`."""
    before = pair_correct(clean, items)
    gains = [auroc_gain(clean.margins, each.margins, items) for each in found]
    return ControlSet(
        name=name,
        n=len(found),
        auroc_changes=tuple(gain for gain in gains if not isinstance(gain, NotMeasured)),
        pair_correct_changes=tuple(pair_correct(each, items) - before for each in found),
        bias_shifts=tuple(float((each.margins - clean.margins).mean()) for each in found),
    )


def measure_all_controls(
    found: Mapping[str, Margins], clean: Margins, items: ScoreTable
) -> tuple[Controls, tuple[ControlSet, ...]]:
    """Both sorts of controls, told apart by the beginning of their names: what claims need of them, and the table."""
    sorts: tuple[ControlName, ...] = (RANDOM, SHUFFLED)
    sets = [
        measure_controls(sort, [own for name, own in found.items() if name.startswith(sort)], clean, items)
        for sort in sorts
    ]
    random, shuffled = sets
    controls = Controls(random.auroc_changes, shuffled.auroc_changes, random.bias_shifts, shuffled.bias_shifts)
    return controls, (random, shuffled)


def shift_threshold(margins: Margins, threshold: float) -> Margins:
    """Margins measured from `threshold`, and the answers that follow: the control that only moves the criterion."""
    moved = margins.margins - threshold
    return Margins(moved, tuple("vulnerable" if margin > 0 else "fixed" for margin in moved.tolist()))


def _by_cwe(
    clean: Margins, after: Margins, items: ScoreTable, cwes: Sequence[str], bootstrap: Bootstrap
) -> tuple[CweOutcome, ...]:
    """The effect within each CWE of two or more pairs, p-values corrected over the CWEs."""
    rows = []
    names = np.array(cwes, dtype=object)
    for cwe in dict.fromkeys(cwes):
        kept = names == cwe
        own = items.part(kept)
        twins = own.twins()
        if len(twins) < 2:
            continue
        before, later = clean.margins[kept], after.margins[kept]
        ranks = rank_twins(later, own) - rank_twins(before, own)
        p = sign_flip_test(ranks, own.pair_groups())
        rows.append(
            CweOutcome(
                cwe=cwe,
                n_pairs=len(twins),
                bias_shift=_mean(later - before, own, bootstrap),
                auroc_change=measure_difference(later, before, own, bootstrap)[0],
                p=p,
                p_corrected=p,
            )
        )
    corrected = correct([row.p for row in rows], [row.bias_shift.n_groups for row in rows])
    return tuple(row.model_copy(update={"p_corrected": p}) for row, p in zip(rows, corrected.p_values, strict=True))


def _is_right(margins: Margins, items: ScoreTable) -> Floats:
    twins = items.twins()
    says = np.array(margins.says, dtype=object)
    right: Floats = ((says[twins[:, 0]] == "vulnerable") & (says[twins[:, 1]] == "fixed")).astype(np.float64)
    return right


def _mean(
    values: Sequence[float] | Floats, items: ScoreTable, bootstrap: Bootstrap, *, is_proportion: bool = False
) -> Estimate:
    return estimate_mean(values, Groups.from_labels(items.groups), bootstrap, is_proportion=is_proportion)


def _mean_change(values: Floats, groups: Groups, bootstrap: Bootstrap) -> Estimate:
    """Of a share."""
    return estimate(mean_statistic(values, groups), groups, bootstrap, low=-1.0, high=1.0)


def _anti_steered(change: Floats, sign: float) -> Number:
    if sign == 0:
        return NotMeasured(reason="it has no scale whose sign could be gone against")
    return float((change * np.sign(sign) < -ROUNDING).mean())


def _control_p(observed: Number, controls: Sequence[float], name: str) -> Number:
    if isinstance(observed, NotMeasured):
        return observed
    if not controls:
        return NotMeasured(reason=f"no {name} beside it")
    return (1 + sum(value >= observed - 1e-12 for value in controls)) / (1 + len(controls))
