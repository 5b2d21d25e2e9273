"""The best of several rules without deceiving oneself: chosen on other groups than it is judged on.

The best of K rules on the items that chose it reads too high, and whatever is compared with it too low: of eight rules
at chance the best reads .52 to .53 over 200 pairs, so that "no better than the best rule" was claimed in 11 % of draws
at a true difference of .05 (nominal 2.5 %).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vulnscope.ask.figures.paired_scores import ScoreTable, best_of
from vulnscope.stats import Groups, deal_folds

if TYPE_CHECKING:
    from vulnscope.stats import Floats


class Followed(NamedTuple):
    """Per item the score of the rule that did best on the other folds, which rule each fold took, and the usual one."""

    scores: Floats
    names: tuple[str, ...]

    @property
    def name(self) -> str:
        """The rule that most folds took; the first of equals."""
        return Counter(self.names).most_common(1)[0][0]


def follow_best(scores: Mapping[str, Floats], items: ScoreTable, *, seed: int = 0) -> Followed:
    """Each item under the rule with the highest stratified AUROC on the other folds over groups, dealt by `seed`.

    Rules must score on one scale, as held-out scores in units of their spread do, since folds are ranked together.
    With a single group, which leaves nothing to choose by, the first.
    """
    folds = deal_folds(Groups.from_labels(items.groups), seed=seed)
    found, names = np.full(len(items), np.nan), []
    for fold in np.unique(folds).tolist():
        is_out = folds == fold
        by = np.ones_like(is_out) if is_out.all() else ~is_out
        names.append(best_of({name: own[by] for name, own in scores.items()}, items.part(by)))
        found[is_out] = scores[names[-1]][is_out]
    return Followed(found, tuple(names))
