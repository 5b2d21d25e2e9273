"""Correct and unchanged: does the answer survive changes of the code that keep its label?

Consistency alone proves nothing, since a constant "yes" is perfectly consistent. Robust is a sample answered right
before the change and the same after it; over pairs, both twins. A constant answer reaches at most the share of its
label over samples, and 0 over pairs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from vulnscope.ask.figures.slices import JudgedSample, group_items
from vulnscope.audit.figures.shares import estimate_mean
from vulnscope.records.base import Estimate, Number, not_measured
from vulnscope.records.figures import Robustness, RobustnessLine
from vulnscope.stats import Bootstrap, correct, swap_test


class Change(NamedTuple):
    """A sample as asked before and after a change."""

    before: JudgedSample
    after: JudgedSample

    @property
    def is_robust(self) -> bool:
        """Right before, the same after."""
        return self.before.is_right and self.before.row.says == self.after.row.says


def measure_robustness(items: Sequence[JudgedSample], bootstrap: Bootstrap) -> Robustness | None:
    """By kind of change (and version, where there are several), in order of first appearance.

    None where no changed sample has its original among `items`.
    """
    by_id = {item.sample.id: item for item in items}
    kinds: dict[tuple[str, str], list[Change]] = {}
    for item in items:
        augmentation = item.sample.augmentation
        base = by_id.get(augmentation.base_id or "") if augmentation else None
        if augmentation is not None and base is not None:
            kinds.setdefault((augmentation.kind, augmentation.version), []).append(Change(base, item))
    if not kinds:
        return None
    n_versions = Counter(kind for kind, _ in kinds)
    lines = [
        _measure(f"{kind}, version {version}" if n_versions[kind] > 1 else kind, changes, bootstrap)
        for (kind, version), changes in kinds.items()
    ]
    corrected = correct([line.accuracy_p for line in lines], [line.right_before.n_groups for line in lines])
    return Robustness(
        lines=tuple(
            line.model_copy(update={"accuracy_p_corrected": p})
            for line, p in zip(lines, corrected.p_values, strict=True)
        ),
        correction=corrected.label,
    )


def _measure(kind: str, changes: Sequence[Change], bootstrap: Bootstrap) -> RobustnessLine:
    groups = group_items([change.after for change in changes])
    twins = _pair_up(changes)
    gains = [int(after.is_right) - int(before.is_right) for before, after in changes]
    accuracy_p: Number = swap_test(gains, groups)
    return RobustnessLine(
        kind=kind,
        n=len(changes),
        n_pairs=len(twins),
        right_before=estimate_mean([before.is_right for before, _ in changes], groups, bootstrap),
        right_after=estimate_mean([after.is_right for _, after in changes], groups, bootstrap),
        unchanged=estimate_mean([before.row.says == after.row.says for before, after in changes], groups, bootstrap),
        robust=estimate_mean([change.is_robust for change in changes], groups, bootstrap),
        pair_robust=_pair_robust(twins, bootstrap),
        margin_change=estimate_mean(
            [after.row.margin - before.row.margin for before, after in changes], groups, bootstrap, is_proportion=False
        ),
        accuracy_p=accuracy_p,
        accuracy_p_corrected=accuracy_p,
    )


def _pair_robust(twins: Sequence[tuple[Change, Change]], bootstrap: Bootstrap) -> Estimate:
    if not twins:
        return not_measured("no pairs")
    groups = group_items([one.after for one, _ in twins])
    return estimate_mean([one.is_robust and other.is_robust for one, other in twins], groups, bootstrap)


def _pair_up(changes: Sequence[Change]) -> list[tuple[Change, Change]]:
    """Twins both changed, by the pair of the changed samples, else by that of the originals and the version."""
    sides: dict[tuple[str, str], dict[bool, Change]] = {}
    for change in changes:
        sample = change.after.sample
        pair = sample.pair_id or change.before.sample.pair_id
        if pair is not None:
            version = sample.augmentation.version if sample.augmentation else ""
            sides.setdefault((pair, version), {})[change.after.is_vulnerable] = change
    return [(both[True], both[False]) for both in sides.values() if len(both) == 2]
