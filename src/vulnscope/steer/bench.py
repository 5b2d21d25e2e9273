"""The bench of a steering study: its model, groups, vectors and run, and what one trial does on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vulnscope.effects.margins import Margins, PointKey, edit_margins, sweep_margins
from vulnscope.effects.reading.twins import Place
from vulnscope.effects.splits import Split, Splits
from vulnscope.effects.trials import CLEAN, Trial, as_points, resolve_trial
from vulnscope.models.subject.sites import name_site

if TYPE_CHECKING:
    from vulnscope.effects.margins import Stage
    from vulnscope.interventions import Vectors
    from vulnscope.models import Subject
    from vulnscope.steer.config import SteerConfig
    from vulnscope.steer.fitting import FitData
    from vulnscope.store import Run


@dataclass(frozen=True, eq=False)
class Bench:
    """What every stage of a steering study works with."""

    subject: Subject
    config: SteerConfig
    splits: Splits
    run: Run
    vectors: Vectors
    data: Mapping[Place, FitData]
    progress: Stage | None

    def try_all(
        self, stage: str, split: Split, trials: Mapping[str, Trial], vectors: Vectors
    ) -> tuple[dict[str, Margins], Margins]:
        """Margins of every trial on a split, and the clean ones beside them."""
        if self.config.layout == "each":
            points = as_points(trials, vectors)
            found = sweep_margins(self.subject, split.asked, points, self.run, stage, self.progress)
            clean = next(margins for key, margins in found.items() if key.scale == 0 and key.vector == CLEAN)
            return {key: found[self._point(key, trial)] for key, trial in trials.items()}, clean
        clean = edit_margins(self.subject, split.asked, (), self.run, f"{stage}: clean")
        swept = {}
        for number, (key, trial) in enumerate(trials.items()):
            edits = resolve_trial(trial, vectors)
            swept[key] = edit_margins(self.subject, split.asked, edits, self.run, f"{stage}: {key}")
            if self.progress is not None:
                self.progress(stage, number + 1, len(trials))
        return swept, clean

    def _point(self, key: str, trial: Trial) -> PointKey:
        return PointKey(key, name_site(trial.sites[0]), str(trial.selector), trial.scale)
