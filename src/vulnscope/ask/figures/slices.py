"""Rows to figures: every "Say" measure for the whole corpus and for each of its slices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal, NamedTuple

import numpy as np

from vulnscope.ask.figures.apart import Apart, compare_with_rest
from vulnscope.ask.figures.baselines import ALWAYS_YES, BaselineScores
from vulnscope.ask.figures.paired_scores import ScoreTable
from vulnscope.corpora import Sample
from vulnscope.records.answers import Row
from vulnscope.records.audit import Baseline, Slice
from vulnscope.records.base import Estimate, NotMeasured, Number, not_measured
from vulnscope.records.rows import Says
from vulnscope.stats import (
    AurocStatistic,
    Bootstrap,
    Groups,
    auroc_statistic,
    chance_pair_correct,
    correct,
    count_answers,
    criterion,
    d_a,
    d_prime,
    detectable_auroc,
    estimate,
    estimate_mean,
    false_alarm_rate,
    fix_by_definition,
    hit_rate,
    pair_cells,
    pair_ranks,
    standard_error,
    swap_test,
)

Kind = Literal["all", "part", "cwe", "language", "difficulty", "augmentation", "split", "cut"]
KINDS: tuple[Kind, ...] = ("part", "cwe", "language", "difficulty", "augmentation", "split", "cut")

_NO_PAIRS = "no pairs"


class JudgedSample(NamedTuple):
    """A sample, what was said of it, its group, and its place in the baselines' scores."""

    sample: Sample
    row: Row
    group: str
    place: int

    @property
    def is_vulnerable(self) -> bool:
        """Whether the label says so."""
        return self.sample.label == "vulnerable"

    @property
    def is_right(self) -> bool:
        """Whether the answer is the label; an unparsed one is not."""
        return self.row.says == self.sample.label


class Twins(NamedTuple):
    """The two items of a pair."""

    vulnerable: JudgedSample
    fixed: JudgedSample

    @property
    def is_right(self) -> bool:
        """Whether both answers are."""
        return self.vulnerable.is_right and self.fixed.is_right

    @property
    def is_reversed(self) -> bool:
        """Whether each is taken for the other."""
        return self.vulnerable.row.says == "fixed" and self.fixed.row.says == "vulnerable"


@dataclass(frozen=True)
class Measured:
    """All figures of a corpus, and of its slices with p-values corrected over the slices of one kind."""

    overall: Slice
    slices: tuple[Slice, ...]


def measure(items: Sequence[JudgedSample], baselines: Sequence[BaselineScores], bootstrap: Bootstrap) -> Measured:
    """The overall slice, and one per value of every kind of slice that divides `items`."""
    divided = [[(kind, value, part) for value, part in _divide(kind, items)] for kind in KINDS]
    families = [[measure_slice(*each, baselines, bootstrap) for each in family] for family in divided]
    slices = [part for family in families for part in correct_slices(family)]
    apart = _compare_with_rest(items, [part for family in divided for _, _, part in family])
    return Measured(
        overall=correct_slices([measure_slice("all", "all", items, baselines, bootstrap)])[0],
        slices=tuple(
            part.model_copy(update={"yes_rate_apart_p": own.yes_rate, "auroc_apart_p": own.auroc})
            for part, own in zip(slices, apart, strict=True)
        ),
    )


def _compare_with_rest(items: Sequence[JudgedSample], parts: Sequence[Sequence[JudgedSample]]) -> tuple[Apart, ...]:
    """Whether each part differs from the other items, corrected over all parts of all kinds."""
    table = ScoreTable.of([item.sample for item in items], {item.sample.id: item.group for item in items})
    says = [float(item.row.says == "vulnerable") for item in items]
    owners = [{item.sample.id for item in part} for part in parts]
    masks = [np.array([item.sample.id in own for item in items]) for own in owners]
    return compare_with_rest(np.array([item.row.rank_score for item in items]), np.array(says), masks, table)


def measure_slice(
    kind: Kind, value: str, items: Sequence[JudgedSample], baselines: Sequence[BaselineScores], bootstrap: Bootstrap
) -> Slice:
    """Every figure over `items`, which may not be empty."""
    says = [item.row.says for item in items]
    counts = count_answers([item.is_vulnerable for item in items], says)
    pairs = pair_up(items)
    paired_says: list[Says] = [item.row.says for twins in pairs for item in twins]
    margins = [item.row.rank_score for item in items]
    mean_margins = [item.row.mean_rank_score for item in items]
    ranked = _rank(margins, items)
    auroc = estimate(ranked, group_items(items), bootstrap)
    pair_rank_p, pair_correct_p = _swap_tests(pairs)
    return Slice(
        kind=kind,
        value=value,
        n_samples=len(items),
        n_pairs=len(pairs),
        n_groups=len({item.group for item in items}),
        yes_rate=_share([answer == "vulnerable" for answer in says], items, bootstrap),
        unparsed_rate=_share([answer == "unparsed" for answer in says], items, bootstrap),
        accuracy=_share([item.is_right for item in items], items, bootstrap),
        auroc=auroc,
        unranked_share=ranked.unranked_share,
        d_a=d_a(auroc.value),
        pair_rank=_pair_rank([(a.row.rank_score, b.row.rank_score) for a, b in pairs], pairs, bootstrap),
        pair_rank_p=pair_rank_p,
        mean_margin_auroc=estimate(_rank(mean_margins, items), group_items(items), bootstrap),
        hit_rate=hit_rate(counts),
        false_alarm_rate=false_alarm_rate(counts),
        d_prime=d_prime(counts),
        criterion=criterion(counts),
        pair_cells=pair_cells(paired_says[::2], paired_says[1::2]),
        pair_correct=_pair_share([twins.is_right for twins in pairs], pairs, bootstrap),
        pair_correct_chance=chance_pair_correct(paired_says),
        pair_correct_p=pair_correct_p,
        pair_rank_p_corrected=pair_rank_p,
        pair_correct_p_corrected=pair_correct_p,
        correction="none",
        detectable_auroc=_detectable(ranked, items),
        acquiescence_mean=_mean([item.row.acquiescence for item in items], "asked in one direction only"),
        label_mass_mean=_label_mass(items),
        baselines=tuple(_measure_baseline(baseline, items, pairs, bootstrap) for baseline in baselines),
    )


def correct_slices(family: Sequence[Slice]) -> list[Slice]:
    """The slices of one kind with their p-values corrected over the family."""
    n_groups = [part.pair_correct.n_groups for part in family]
    ranks = correct([part.pair_rank_p for part in family], n_groups)
    rights = correct([part.pair_correct_p for part in family], n_groups)
    return [
        part.model_copy(
            update={
                "pair_rank_p_corrected": rank_p,
                "pair_correct_p_corrected": correct_p,
                "correction": ranks.label,
            }
        )
        for part, rank_p, correct_p in zip(family, ranks.p_values, rights.p_values, strict=True)
    ]


def pair_up(items: Sequence[JudgedSample]) -> list[Twins]:
    """Pairs with both twins among `items`, in order of first appearance."""
    sides: dict[str, dict[bool, JudgedSample]] = {}
    for item in items:
        if item.sample.pair_id is not None:
            sides.setdefault(item.sample.pair_id, {})[item.is_vulnerable] = item
    return [Twins(both[True], both[False]) for both in sides.values() if len(both) == 2]


def divide_items(items: Sequence[JudgedSample]) -> Iterator[tuple[Kind, str, list[JudgedSample]]]:
    """Every slice of `items`: its kind, its value, its items."""
    for kind in KINDS:
        for value, part in _divide(kind, items):
            yield kind, value, part


def _divide(kind: Kind, items: Sequence[JudgedSample]) -> Iterator[tuple[str, list[JudgedSample]]]:
    """The parts of `items` by what `kind` says of each; none where it says one thing of all."""
    parts: dict[str, list[JudgedSample]] = {}
    for item in items:
        for value in _values(kind, item):
            parts.setdefault(value, []).append(item)
    if len(parts) > 1:
        yield from sorted(parts.items(), key=lambda part: _natural(part[0]))


def _values(kind: Kind, item: JudgedSample) -> tuple[str, ...]:
    sample, cut = item.sample, item.row.cut
    if kind == "cwe":
        return sample.cwes or ("none",)
    if kind == "cut":
        # A window around the change is placed by someone who knows the fix.
        oracle = " (oracle)" if cut is not None and cut.kind == "changed-window" else ""
        return ("whole",) if cut is None else (f"cut: {cut.kind}{oracle}",)
    if kind == "augmentation":
        return (sample.augmentation.kind if sample.augmentation else "none",)
    named: dict[str, str | None] = {
        "part": sample.part,
        "language": sample.language,
        "difficulty": sample.difficulty,
        "split": sample.split,
    }
    return (named[kind] or "none",)


def _natural(value: str) -> tuple[str, int]:
    """CWE-22 before CWE-119."""
    name, _, number = value.partition("-")
    return (name, int(number)) if number.isdigit() else (value, 0)


def group_items(items: Sequence[JudgedSample]) -> Groups:
    """The groups of `items`."""
    return Groups.from_labels([item.group for item in items])


def group_pairs(pairs: Sequence[Twins]) -> Groups:
    """The groups of `pairs`."""
    return Groups.from_labels([twins.vulnerable.group for twins in pairs])


def _share(flags: Sequence[bool], items: Sequence[JudgedSample], bootstrap: Bootstrap) -> Estimate:
    return estimate_mean(flags, group_items(items), bootstrap)


def _pair_share(values: Sequence[float], pairs: Sequence[Twins], bootstrap: Bootstrap) -> Estimate:
    """Mean over pairs of values in [0, 1]."""
    return estimate_mean(values, group_pairs(pairs), bootstrap) if pairs else not_measured(_NO_PAIRS)


def _pair_rank(scores: Sequence[tuple[float, float]], pairs: Sequence[Twins], bootstrap: Bootstrap) -> Estimate:
    ranks = pair_ranks([one for one, _ in scores], [other for _, other in scores])
    return _pair_share(ranks.tolist(), pairs, bootstrap)


def _rank(scores: Sequence[float], items: Sequence[JudgedSample]) -> AurocStatistic:
    """AUROC between groups, within strata of CWE and language."""
    return auroc_statistic(scores, [item.is_vulnerable for item in items], group_items(items), strata_of(items))


def strata_of(items: Sequence[JudgedSample]) -> list[tuple[tuple[str, ...], str]]:
    """Within which an AUROC is taken: CWE and language."""
    return [(item.sample.cwes, item.sample.language) for item in items]


def _detectable(ranked: AurocStatistic, items: Sequence[JudgedSample]) -> Number:
    n_positive, n_negative = (
        len({item.group for item in items if item.is_vulnerable is side}) for side in (True, False)
    )
    return detectable_auroc(standard_error(ranked, group_items(items)), n_positive, n_negative)


def _swap_tests(pairs: Sequence[Twins]) -> tuple[Number, Number]:
    """P-values of pair-rank against 1/2 and of P-C against P-R."""
    groups = group_pairs(pairs)
    margins = np.nan_to_num([a.row.rank_score - b.row.rank_score for a, b in pairs])
    answers = np.array([int(twins.is_right) - int(twins.is_reversed) for twins in pairs])
    return swap_test(np.sign(margins), groups), swap_test(answers, groups)


def _measure_baseline(
    baseline: BaselineScores, items: Sequence[JudgedSample], pairs: Sequence[Twins], bootstrap: Bootstrap
) -> Baseline:
    scores, is_positive = baseline.scores, baseline.is_positive
    if scores is None or is_positive is None:
        missing = not_measured(baseline.reason, len(items))
        return Baseline(
            name=baseline.name,
            trained_on=baseline.trained_on,
            auroc=missing,
            pair_rank=missing,
            pair_correct=NotMeasured(reason=baseline.reason),
        )
    own = [float(scores[item.place]) for item in items]
    auroc = estimate(_rank(own, items), group_items(items), bootstrap)
    pair_rank = _pair_rank([(scores[a.place], scores[b.place]) for a, b in pairs], pairs, bootstrap)
    if baseline.name == ALWAYS_YES:
        auroc, pair_rank = fix_by_definition(auroc), fix_by_definition(pair_rank)
    right = [bool(is_positive[a.place] and not is_positive[b.place]) for a, b in pairs]
    return Baseline(
        name=baseline.name,
        trained_on=baseline.trained_on,
        auroc=auroc,
        pair_rank=pair_rank,
        pair_correct=fmean(right) if right else NotMeasured(reason=_NO_PAIRS),
    )


def _mean(values: Sequence[float | None], reason: str) -> Number:
    """Mean of what was measured."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else NotMeasured(reason=reason)


def _label_mass(items: Sequence[JudgedSample]) -> Number:
    """Mean probability of all label forms together; answers in words have none."""
    masses = [reading.label_mass for item in items for reading in item.row.readings]
    return _mean(masses, "answers were written or listed, not scored as yes and no")
