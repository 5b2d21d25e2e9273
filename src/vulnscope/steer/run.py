"""The steering study: fit, choose and report on disjoint groups, every intervention beside its controls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from vulnscope import registry
from vulnscope.ask.preparing import check_selection
from vulnscope.effects.reading.twins import Place, best_place
from vulnscope.effects.splits import Splits, deal_splits, prepare_splits
from vulnscope.errors import InputError
from vulnscope.interventions import Vectors, load_vectors, save_vectors
from vulnscope.steer.bench import Bench
from vulnscope.steer.layers import choose_layers
from vulnscope.steer.study import VECTORS, report_bench
from vulnscope.steer.vectors import fit_vectors, measure_agreement, read_fit_data, read_vector_file

if TYPE_CHECKING:
    from vulnscope.corpora import Corpus
    from vulnscope.effects.margins import Stage
    from vulnscope.models import Subject
    from vulnscope.records.steer import Agreement, SteerRecord
    from vulnscope.steer.config import SteerConfig
    from vulnscope.steer.fitting import FitData
    from vulnscope.store import Run


def check_steering(corpus: Corpus, config: SteerConfig) -> None:
    """Raise `InputError` where `config` cannot be carried out on `corpus`, before a model is opened or a run made."""
    selected = check_selection(corpus, config)
    for method in config.methods:
        registry.resolve("steering", method)
    samples = [sample for sample in selected.samples if sample.label != "unlabelled"]
    labels = {sample.label for sample in samples}
    if labels != {"vulnerable", "fixed"}:
        found = ", ".join(sorted(labels)) or "no labelled"
        raise InputError(f"steering is fitted on twins; corpus {corpus.name!r} has {found} samples only here")
    deal_splits([corpus.groups[sample.id] for sample in samples], config.fractions, config.seed)
    if config.vector_file is not None:
        load_vectors(Path(config.vector_file))


def check_steered(subject: Subject, config: SteerConfig) -> None:
    """Raise `InputError` where `config` does not fit `subject`: layers it lacks, vectors of another model."""
    choose_layers(config.layers, subject.architecture.n_layers)
    if config.vector_file is not None:
        read_vector_file(Path(config.vector_file), subject, is_forced=config.is_forced)


def fit_steering(
    subject: Subject, corpus: Corpus, config: SteerConfig, splits: Splits
) -> tuple[Vectors, tuple[Agreement, ...], dict[Place, FitData]]:
    """Vectors of every method, and how far pair differences agree, both on the fit groups."""
    layers = choose_layers(config.layers, subject.architecture.n_layers)
    data = read_fit_data(subject, splits.fit, layers, config)
    if config.layers == "best":
        first = next(iter(data))[1]
        candidates = {place: own for place, own in data.items() if place[1] == first}
        best, _ = best_place(candidates, splits.choose, subject, config.max_batch_tokens)
        data = {place: own for place, own in data.items() if place[0] == best}
    return fit_vectors(data, subject, corpus, config), measure_agreement(data), data


def run_steering(
    subject: Subject,
    corpus: Corpus,
    config: SteerConfig,
    run: Run,
    *,
    progress: Stage | None = None,
    on_agreement: Callable[[tuple[Agreement, ...]], None] | None = None,
) -> SteerRecord:
    """What steering does to `subject` on groups that neither fitted nor chose anything.

    `on_agreement` hears how far pair differences agree, before anything else. Units already in `run` are not run again.
    Vectors and interventions are written into its folder; result and report are the caller's.
    """
    check_steered(subject, config)
    splits = prepare_splits(subject, corpus, config, config.fractions)
    vectors, agreement, data = fit_steering(subject, corpus, config, splits)
    if on_agreement is not None:
        on_agreement(agreement)
    if (run.path / VECTORS).exists():
        # What was swept before an interruption decides, not a second fit.
        vectors = load_vectors(run.path / VECTORS)
    else:
        save_vectors(run.path / VECTORS, vectors)
    bench = Bench(subject, config, splits, run, vectors, data, progress)
    return report_bench(bench, corpus, agreement)
