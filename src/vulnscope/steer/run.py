"""The steering study: fit, choose and report on disjoint groups, every intervention beside its controls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from vulnscope import registry
from vulnscope.ask.items import ask_items
from vulnscope.ask.scores import Items
from vulnscope.ask.selection import check_selection, open_protocol, prepare_selected
from vulnscope.errors import InputError
from vulnscope.interventions import Vectors, load_intervention, load_vectors, resolve_edits, save_vectors
from vulnscope.stats import Bootstrap
from vulnscope.steer.layers import choose_layers
from vulnscope.steer.margins import score_margins
from vulnscope.steer.outcomes import Controls, measure_outcome, shift_threshold
from vulnscope.steer.splits import Splits, deal_splits, prepare_splits
from vulnscope.steer.study import VECTORS, Study
from vulnscope.steer.vectors import Place, best_layer, fit_vectors, measure_agreement, read_fit_data

if TYPE_CHECKING:
    from vulnscope.corpora import Corpus
    from vulnscope.models import Subject
    from vulnscope.records.steer import Agreement, Outcome, SteerRecord
    from vulnscope.steer.config import SteerConfig
    from vulnscope.steer.fitting import FitData
    from vulnscope.steer.margins import Stage
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


def fit_steering(
    subject: Subject, corpus: Corpus, config: SteerConfig, splits: Splits
) -> tuple[Vectors, tuple[Agreement, ...], dict[Place, FitData]]:
    """Vectors of every method, and how far pair differences agree, both on the fit groups."""
    layers = choose_layers(config.layers, subject.architecture.n_layers)
    data = read_fit_data(subject, splits.fit, layers, config)
    if config.layers == "best":
        best = best_layer(data, splits.choose, subject, config)
        data = {place: own for place, own in data.items() if place[0] == best}
    return fit_vectors(data, subject, corpus, config), measure_agreement(data), data


def run_steering(
    subject: Subject,
    corpus: Corpus,
    config: SteerConfig,
    run: Run,
    *,
    command: str = "",
    progress: Stage | None = None,
    on_agreement: Callable[[tuple[Agreement, ...]], None] | None = None,
) -> SteerRecord:
    """What steering does to `subject` on groups that neither fitted nor chose anything.

    `on_agreement` hears how far pair differences agree, before anything else. Units already in `run` are not run again.
    Vectors and interventions are written into its folder; result and report are the caller's.
    """
    splits = prepare_splits(subject, corpus, config)
    vectors, agreement, data = fit_steering(subject, corpus, config, splits)
    if on_agreement is not None:
        on_agreement(agreement)
    if (run.path / VECTORS).exists():
        # What was swept before an interruption decides, not a second fit.
        vectors = load_vectors(run.path / VECTORS)
    else:
        save_vectors(run.path / VECTORS, vectors)
    study = Study(subject, config, splits, run, vectors, data, progress)
    return study.report(corpus, agreement, command)


def apply_intervention(
    subject: Subject, corpus: Corpus, config: SteerConfig, folder: Path, *, is_forced: bool = False
) -> Outcome:
    """A stored intervention on all twins of `corpus`, against the un-steered run on the same items."""
    stored = load_intervention(folder)
    if stored.vectors is not None:
        stored.vectors.check_subject(subject, is_forced=is_forced)
    protocol = open_protocol(subject, config)
    prepared = prepare_selected(subject, corpus, config, protocol)
    asked = (ask_items(subject, protocol, prepared, 0), ask_items(subject, protocol, prepared, 1))
    clean = score_margins(subject, asked)
    intervention = stored.intervention
    if intervention.prompts is not None:
        changed = type(protocol)(intervention.prompts, subject.tokenizer, is_chat=protocol.is_chat)
        again = prepare_selected(subject, corpus, config, changed)
        if [sample.id for sample in again.samples] != [sample.id for sample in prepared.samples]:
            raise InputError("under the intervention's prompts other samples fit the context; choose fewer samples")
        asked = (ask_items(subject, changed, again, 0), ask_items(subject, changed, again, 1))
    after = score_margins(subject, asked, resolve_edits(intervention, stored.vectors))
    if intervention.threshold_nats is not None:
        after = shift_threshold(after, intervention.threshold_nats)
    items = Items.of(prepared.samples, corpus.groups)
    bootstrap = Bootstrap(n_draws=config.n_bootstrap, seed=config.seed)
    cwes = [" ".join(sample.cwes) or "none" for sample in prepared.samples]
    return measure_outcome(
        intervention.name, "method", "; ".join(f"{spec.operation} at {spec.site}" for spec in intervention.edits)
        or "prompt or threshold", clean, after, items, bootstrap, sign=0.0, controls=Controls(), cwes=cwes,
        digest=intervention.digest(),
    )  # fmt: skip
