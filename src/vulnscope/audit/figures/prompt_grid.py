"""How much depends on the wording: every prompt on every part of the corpus, and the best one honestly chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from vulnscope.ask.figures.slices import JudgedSample, Twins, group_items, group_pairs, pair_up
from vulnscope.audit.figures.shares import estimate_mean
from vulnscope.records.base import NotMeasured, not_measured
from vulnscope.records.figures import PromptCell, PromptGrid, PromptLine, PromptSpread
from vulnscope.stats import Bootstrap, Floats, Groups, choose_on_others, pair_ranks, repeat_agreement

if TYPE_CHECKING:
    from vulnscope.records.base import Estimate
    from vulnscope.records.rows import PromptAnswer, Says

_MAX_COLUMNS = 30


@dataclass(frozen=True)
class _Table:
    """Prompts × items: verdicts, whether right, scores; and the pairs among the items."""

    prompts: tuple[str, ...]
    says: list[list[Says]]
    is_right: Floats
    scores: Floats
    pairs: list[tuple[int, int]]
    items: Sequence[JudgedSample]

    @classmethod
    def of(
        cls, items: Sequence[JudgedSample], prompts: tuple[str, ...], rows: Sequence[dict[str, PromptAnswer]]
    ) -> _Table:
        says = [[row[prompt].says for row in rows] for prompt in prompts]
        labels = [item.sample.label for item in items]
        places = {item.sample.id: place for place, item in enumerate(items)}
        return cls(
            prompts=prompts,
            says=says,
            is_right=np.array([[a == b for a, b in zip(line, labels, strict=True)] for line in says], dtype=float),
            scores=np.array([[row[prompt].score for row in rows] for prompt in prompts]),
            pairs=[(places[a.sample.id], places[b.sample.id]) for a, b in pair_up(items)],
            items=items,
        )

    def ranks(self) -> Floats:
        """Prompts × pairs: 1 where the vulnerable twin scores higher, 1/2 on a tie."""
        one, other = ([pair[side] for pair in self.pairs] for side in (0, 1))
        return np.stack([pair_ranks(line[one], line[other]) for line in self.scores])

    def part(self, places: Sequence[int]) -> _Table:
        """The same over some of the items."""
        kept = {place: number for number, place in enumerate(places)}
        return _Table(
            prompts=self.prompts,
            says=[[line[place] for place in places] for line in self.says],
            is_right=self.is_right[:, places],
            scores=self.scores[:, places],
            pairs=[(kept[a], kept[b]) for a, b in self.pairs if a in kept and b in kept],
            items=[self.items[place] for place in places],
        )


def lay_grid(items: Sequence[JudgedSample], bootstrap: Bootstrap) -> PromptGrid | None:
    """The grid over `items` that were asked with the same prompts; None with one prompt."""
    rows = [item.row.by_prompt() for item in items]
    prompts = tuple(prompt for prompt in rows[0] if all(prompt in row for row in rows))
    if len(prompts) < 2:
        return None
    table = _Table.of(items, prompts, rows)
    columns = _columns(items)
    parts = [table.part(places) for places in columns.values()]
    groups = group_items(items)
    agreements = [float(repeat_agreement(_tell_apart(answers))) for answers in zip(*table.says, strict=True)]
    return PromptGrid(
        columns=tuple(columns),
        lines=tuple(_line(table, parts, number, bootstrap) for number in range(len(prompts))),
        spread=_spreads(table, bootstrap),
        agreement=estimate_mean(agreements, groups, bootstrap),
    )


def _tell_apart(answers: Sequence[Says]) -> list[str | int]:
    """`answers` with each missing verdict unlike all others: to fail alike is not to agree."""
    return [number if says == "unparsed" else says for number, says in enumerate(answers)]


def _columns(items: Sequence[JudgedSample]) -> dict[str, list[int]]:
    """Places of items by CWE, the most frequent CWEs; none where all have the same."""
    columns: dict[str, list[int]] = {}
    for place, item in enumerate(items):
        for cwe in item.sample.cwes or ("none",):
            columns.setdefault(cwe, []).append(place)
    if len(columns) < 2:
        return {}
    kept = sorted(columns, key=lambda cwe: -len(columns[cwe]))[:_MAX_COLUMNS]
    return {cwe: columns[cwe] for cwe in sorted(kept, key=lambda cwe: (len(cwe), cwe))}


def _line(table: _Table, parts: Sequence[_Table], number: int, bootstrap: Bootstrap) -> PromptLine:
    groups = group_items(table.items)
    return PromptLine(
        prompt=table.prompts[number],
        yes_rate=estimate_mean([says == "vulnerable" for says in table.says[number]], groups, bootstrap),
        accuracy=estimate_mean(table.is_right[number].tolist(), groups, bootstrap),
        pair_rank=_pair_rank(table, number, bootstrap),
        cells=tuple(_cell(part, number) for part in parts),
    )


def _cell(part: _Table, number: int) -> PromptCell:
    return PromptCell(
        n=len(part.items),
        yes_rate=fmean(says == "vulnerable" for says in part.says[number]),
        accuracy=float(part.is_right[number].mean()),
        pair_rank=float(part.ranks()[number].mean()) if part.pairs else NotMeasured(reason="no pairs"),
    )


def _pair_rank(table: _Table, number: int, bootstrap: Bootstrap) -> Estimate:
    if not table.pairs:
        return not_measured("no pairs")
    return estimate_mean(table.ranks()[number].tolist(), _pair_groups(table), bootstrap)


def _pair_groups(table: _Table) -> Groups:
    return group_pairs([Twins(table.items[a], table.items[b]) for a, b in table.pairs])


def _spreads(table: _Table, bootstrap: Bootstrap) -> tuple[PromptSpread, ...]:
    spreads = [_spread("accuracy", table.prompts, table.is_right, group_items(table.items), bootstrap)]
    if table.pairs:
        spreads.append(_spread("pair-rank", table.prompts, table.ranks(), _pair_groups(table), bootstrap))
    return tuple(spreads)


def _spread(measure: str, prompts: Sequence[str], values: Floats, groups: Groups, bootstrap: Bootstrap) -> PromptSpread:
    """`values` is prompts × units in [0, 1]."""
    means = values.mean(axis=1)
    best, worst = int(means.argmax()), int(means.argmin())

    def mean_of(units: Floats) -> Estimate:
        return estimate_mean(units.tolist(), groups, bootstrap)

    if groups.n_groups < 2:
        honest = not_measured("one group: nothing is left to choose by", groups.n_items, groups.n_groups)
    else:
        honest = mean_of(choose_on_others(values, groups, seed=bootstrap.seed).values)
    return PromptSpread.model_validate(
        {
            "measure": measure,
            "mean": mean_of(values.mean(axis=0)),
            "deviation": float(means.std()),
            "best": prompts[best],
            "best_value": mean_of(values[best]),
            "worst": prompts[worst],
            "worst_value": mean_of(values[worst]),
            "best_on_others": honest,
        }
    )
