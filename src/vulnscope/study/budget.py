"""A study cut to a budget of minutes: as many pairs as the estimate allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.ask.preparing import select_samples
from vulnscope.errors import InputError
from vulnscope.study.checks import check_study
from vulnscope.study.forecast import estimate_study

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vulnscope.corpora import Corpus
    from vulnscope.models.subject.sketch import Sketch
    from vulnscope.study.config import StudyConfig


def fit_budget(sketches: Sequence[Sketch], corpus: Corpus, config: StudyConfig) -> StudyConfig:
    """`config` with the largest limit whose estimate lies within `config.budget_minutes`; as it is without a budget.

    The budget is for the studies of all `sketches` together, on the same samples.

    Raises `InputError` where even the fewest pairs that the study needs would take longer.
    """
    if config.budget_minutes is None:
        return config
    n_samples = len(select_samples(corpus, config).samples)
    budget = 60 * config.budget_minutes
    if _seconds(sketches, corpus, config) <= budget:
        return config
    fewest = _find_fewest(corpus, config, n_samples)
    least = _seconds(sketches, corpus, _limit(config, fewest))
    if least > budget:
        raise InputError(
            f"a budget of {config.budget_minutes:g} minutes is too small: {fewest} samples, the fewest that a study of "
            f"{corpus.name!r} needs, take an estimated {least / 60:.1f} minutes on {sketches[0].device}"
            f"{' for both models' * (len(sketches) > 1)}; raise --budget, or see --dry-run for what takes long"
        )
    low, high = fewest, n_samples
    while high - low > 2:
        middle = (low + high) // 2
        low, high = (middle, high) if _seconds(sketches, corpus, _limit(config, middle)) <= budget else (low, middle)
    return _limit(config, low)


def explain_budget(corpus: Corpus, config: StudyConfig) -> tuple[str, ...]:
    """What a budget cut, as a note of the record; empty without a budget."""
    if config.budget_minutes is None:
        return ()
    every = len(select_samples(corpus, config.model_copy(update={"limit": None})).samples)
    kept = len(select_samples(corpus, config).samples)
    if kept == every:
        return (f"budget of {config.budget_minutes:g} minutes: nothing was cut, the estimate fits",)
    return (
        f"budget of {config.budget_minutes:g} minutes: {kept} of {every} samples studied, whole pairs; more would "
        "exceed the estimated time or the limit asked for. Fewer samples mean wider intervals",
    )


def _find_fewest(corpus: Corpus, config: StudyConfig, most: int) -> int:
    """The fewest samples that every stage can work with; raises what the whole raises where that is too small."""
    check_study(corpus, config)
    low, high = 1, most
    while high - low > 1:
        middle = (low + high) // 2
        try:
            check_study(corpus, _limit(config, middle))
        except InputError:
            low = middle
        else:
            high = middle
    return high


def _limit(config: StudyConfig, limit: int) -> StudyConfig:
    return config.model_copy(update={"limit": limit})


def _seconds(sketches: Sequence[Sketch], corpus: Corpus, config: StudyConfig) -> float:
    return sum(estimate_study(sketch, corpus, config).seconds for sketch in sketches)
