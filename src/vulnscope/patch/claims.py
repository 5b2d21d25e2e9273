"""Patched margins to figures: how far each layer and region moves the margin towards the donor's label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vulnscope.models.subject.sites import as_site
from vulnscope.patch.record import Claim, PatchCell, PatchedMargin, Region
from vulnscope.records.base import Estimate, NotMeasured, Number, not_measured
from vulnscope.report.format import format_signed_estimate
from vulnscope.stats import (
    IMPOSSIBLE,
    LEVEL,
    Bootstrap,
    Groups,
    correct,
    estimate_mean,
    is_impossible,
    max_t_test,
    sign_flip_test,
)

if TYPE_CHECKING:
    from vulnscope.ask.figures.paired_scores import ScoreTable
    from vulnscope.stats import Floats

NEGLIGIBLE = 0.1
"""Share of the margins' standard deviation below which a shift counts as none."""
ROUNDING = 1e-4
"""Nats below which a shift is the arithmetic's, not the model's."""

_NO_DONORS = "random pairs share no prefix beyond the prompt's own"

Place = tuple[int, Region]


class Pairing(NamedTuple):
    """Two texts that exchange activations: their places among the prepared samples."""

    first: int
    second: int


class Moves(NamedTuple):
    """Of one cell and direction: margin patched, unpatched, and of the donor, per pairing (NaN where not run)."""

    patched: Floats
    clean: Floats
    source: Floats
    n_tokens: Floats


@dataclass(frozen=True, eq=False)
class Shifts:
    """Moves of the margin in every cell, and what is needed to judge them.

    `twins[cell]` and `randoms[cell]` are signed by the label of the recipient, so that > 0 is towards the other label;
    one number per pair, the mean of both directions for twins, one direction for the control.
    """

    twins: Mapping[Place, Floats]
    randoms: Mapping[Place, Floats]
    moves: Mapping[tuple[Place, str], Moves]
    groups: tuple[str, ...]
    deviation: float

    @classmethod
    def of(cls, rows: Sequence[PatchedMargin], pairings: Mapping[str, Sequence[Pairing]], items: ScoreTable) -> Shifts:
        """The shifts of rows that cover both questions."""
        signs = np.where(items.is_vulnerable, -1.0, 1.0)
        found: dict[str, dict[Place, Floats]] = {"twins": {}, "random": {}}
        moves: dict[tuple[Place, str], Moves] = {}
        clean: list[Floats] = []
        for job, own in pairings.items():
            margins = _margins([row for row in rows if row.job == job], len(own))
            ends = {"first": [pair.first for pair in own], "second": [pair.second for pair in own]}
            for place in sorted({place for place, _ in margins}, key=lambda place: (place[1], place[0])):
                both = [
                    signs[ends[into]] * (margins[place, into].patched - margins[place, into].clean)
                    for into in ("first", "second")
                ]
                # Two texts of one label exchange what they have, so that both directions would cancel by construction.
                shift = np.mean(both if job == "twins" else both[:1], axis=0)
                found[job][place] = np.where(np.abs(shift) < ROUNDING, 0.0, shift)
            if job == "twins":
                moves = margins
                clean = [each.clean for each in margins.values()]
        return cls(
            found["twins"],
            found["random"],
            moves,
            tuple(items.groups[pair.first] for pair in pairings["twins"]),
            float(np.nanstd(np.concatenate(clean))) if clean else 0.0,
        )


def _margins(rows: Sequence[PatchedMargin], n_pairs: int) -> dict[tuple[Place, str], Moves]:
    """Margins out of both questions' log-odds: half of "vulnerable?" minus half of "secure?"."""
    found: dict[tuple[Place, str], Moves] = {}
    for row in rows:
        key = ((as_site(row.site).layer, row.region), row.into)
        if key not in found:
            found[key] = Moves(np.zeros(n_pairs), np.zeros(n_pairs), np.zeros(n_pairs), np.full(n_pairs, np.nan))
        weight = 0.5 if row.question == "vulnerable" else -0.5
        cell = found[key]
        for array, value in zip(cell, (row.log_odds, row.clean, row.source), strict=False):
            array[row.pair] += weight * value
        cell.n_tokens[row.pair] = row.n_tokens
    for cell in found.values():
        for array in cell[:3]:
            array[np.isnan(cell.n_tokens)] = np.nan
    return found


def measure_cells(shifts: Shifts, bootstrap: Bootstrap) -> tuple[PatchCell, ...]:
    """Every cell with its interval, tests and control; both p-values corrected over all cells but the prefix."""
    cells = [_measure_cell(place, shifts, bootstrap) for place in shifts.twins]
    missing = NotMeasured(reason="the prefix has seen nothing of the difference: a check, not a test")
    corrected = correct(
        [missing if cell.region == "prefix" else cell.p for cell in cells], [cell.shift.n_groups for cell in cells]
    )
    places = [place for place in shifts.twins if place in shifts.randoms]
    tested = max_t_test(
        [shifts.twins[place] - shifts.randoms[place] for place in places], Groups.from_labels(shifts.groups)
    )
    beyond = dict(zip(places, tested, strict=True))
    no_donors = NotMeasured(reason=_NO_DONORS)
    return tuple(
        cell.model_copy(update={"p_corrected": p, "beyond_p_corrected": beyond.get(place, no_donors)})
        for place, cell, p in zip(shifts.twins, cells, corrected.p_values, strict=True)
    )


def _measure_cell(place: Place, shifts: Shifts, bootstrap: Bootstrap) -> PatchCell:
    layer, region = place
    values = shifts.twins[place]
    first, second = (shifts.moves[place, into] for into in ("first", "second"))
    random = shifts.randoms.get(place)
    p = _test(values, shifts.groups)
    return PatchCell(
        layer=layer,
        region=region,
        n_pairs=int(np.isfinite(values).sum()),
        mean_tokens=float(np.nanmean(np.concatenate([first.n_tokens, second.n_tokens]))),
        shift=_mean(values, shifts.groups, bootstrap),
        into_fixed=_number(second.patched - second.clean),
        into_vulnerable=_number(first.patched - first.clean),
        carried=_carried(first, second),
        p=p,
        p_corrected=p,
        random_shift=_no_random() if random is None else _mean(random, shifts.groups, bootstrap),
        beyond_random=_no_random() if random is None else _mean(values - random, shifts.groups, bootstrap),
    )


def judge_used(cells: Sequence[PatchCell], deviation: float) -> tuple[Claim, PatchCell | None]:
    """Whether some cell moves the margin beyond chance and beyond random donors, and the cell that does so most.

    `no` is an equivalence claim: every cell's interval lies within a tenth of the margins' standard deviation.
    """
    tested = [cell for cell in cells if cell.region != "prefix"]
    moving = [cell for cell in tested if cell.is_moving]
    if moving:
        return "yes", max(moving, key=lambda cell: abs(float(cell.shift.value)))
    bound = NEGLIGIBLE * deviation
    is_small = [
        isinstance(cell.shift.low, float)
        and isinstance(cell.shift.high, float)
        and max(abs(cell.shift.low), abs(cell.shift.high)) < bound
        for cell in tested
    ]
    return ("no" if tested and all(is_small) else "cannot tell"), None


def write_sentence(claim: Claim, best: PatchCell | None, cells: Sequence[PatchCell], n_pairs: int, corpus: str) -> str:
    """The claim in words, with the cell behind it, or what is missing for one."""
    where = f"on {n_pairs} pairs of {corpus}"
    if claim == "yes" and best is not None:
        n_tried = sum(isinstance(cell.p_corrected, float) for cell in cells)
        way = "towards" if float(best.shift.value) > 0 else "away from"
        return (
            f"{where}: uses it: at layer {best.layer} ({best.region}) the other twin's activations move the margin by "
            f"{format_signed_estimate(best.shift)} nats {way} that twin's label, donors of its "
            f"own label from other pairs by {format_signed_estimate(best.random_shift)} (the largest of {n_tried} such "
            "moves, so stated rather too high)"
        )
    if claim == "no":
        return f"{where}: does not use it: no layer and region moves the margin by a tenth of its standard deviation"
    return f"{where}: cannot tell whether it uses what differs: {_explain_doubt(cells)}"


def _explain_doubt(cells: Sequence[PatchCell]) -> str:
    """What a claim lacks: groups for an interval, a move beyond random donors, or any move."""
    beyond_chance = [cell for cell in cells if _is_beyond_chance(cell)]
    if not beyond_chance:
        if any(is_impossible(cell.p_corrected) for cell in cells):
            return f"a move of the margin {IMPOSSIBLE}, with so few groups"
        return "no layer and region moves the margin beyond chance"
    most = max(beyond_chance, key=lambda cell: abs(float(cell.shift.value)))
    moved = f"layer {most.layer} ({most.region}) moves the margin by {format_signed_estimate(most.shift)} nats"
    if isinstance(most.beyond_p_corrected, NotMeasured):
        return f"{moved}, but it was not tested beyond donors of its own label: {most.beyond_p_corrected.reason}"
    return f"{moved}, but no layer and region clearly does so beyond donors of its own label from other pairs"


def _is_beyond_chance(cell: PatchCell) -> bool:
    return cell.region != "prefix" and isinstance(cell.p_corrected, float) and cell.p_corrected <= LEVEL


def _mean(values: Floats, groups: Sequence[str], bootstrap: Bootstrap) -> Estimate:
    kept = np.isfinite(values)
    if not kept.any():
        return not_measured("no pair has corresponding tokens here")
    return estimate_mean(values[kept], _kept_groups(kept, groups), bootstrap, is_proportion=False)


def _test(values: Floats, groups: Sequence[str]) -> Number:
    kept = np.isfinite(values)
    return sign_flip_test(values[kept], _kept_groups(kept, groups))


def _kept_groups(kept: np.ndarray, groups: Sequence[str]) -> Groups:
    return Groups.from_labels([group for group, keep in zip(groups, kept, strict=True) if keep])


def _number(values: Floats) -> Number:
    return float(np.nanmean(values)) if np.isfinite(values).any() else NotMeasured(reason="no pair here")


def _carried(first: Moves, second: Moves) -> Number:
    moved = np.concatenate([each.patched - each.clean for each in (first, second)])
    apart = np.concatenate([each.source - each.clean for each in (first, second)])
    kept = np.isfinite(moved) & np.isfinite(apart)
    total = float((apart[kept] ** 2).sum())
    return float((moved[kept] * apart[kept]).sum()) / total if total > 0 else NotMeasured(reason="equal margins")


def _no_random() -> Estimate:
    return not_measured(_NO_DONORS)
