"""Directions of every method at every site, from the fit split; kept as vectors with their provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vulnscope.effects.reading.twins import Place, choose_selector, read_twins
from vulnscope.interventions import VectorOrigin, Vectors, VectorSite, load_vectors
from vulnscope.models import Selector, Site, Subject, measure_norm_units
from vulnscope.models.subject.sites import name_site
from vulnscope.records.base import NotMeasured
from vulnscope.records.steer import Agreement
from vulnscope.steer.fitting import FitData, fit_direction, mean_agreement

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from vulnscope.corpora import Corpus
    from vulnscope.effects.splits import Split
    from vulnscope.steer.config import SteerConfig


def read_fit_data(subject: Subject, split: Split, layers: Sequence[int], config: SteerConfig) -> dict[Place, FitData]:
    """The fit split at every layer and selector, from one pass."""
    selectors = [choose_selector(name) for name in config.selectors]
    sites = [Site(layer) for layer in layers]
    found = read_twins(subject, split, sites, selectors, config.max_batch_tokens)
    units = {selector: measure_norm_units(subject, split.asked[0].items, sites, selector) for selector in selectors}
    return {
        (site, selector): FitData(
            **vars(twins), unit=units[selector][site], subject=subject, asked=split.asked, config=config
        )
        for (site, selector), twins in found.items()
    }


def measure_agreement(data: Mapping[Place, FitData]) -> tuple[Agreement, ...]:
    """Cosine agreement of the pair differences at every site, printed before anything else."""
    rows = []
    for (site, selector), own in data.items():
        value = mean_agreement(own.differences(), own.groups[own.pairs[:, 0]])
        rows.append(
            Agreement(
                site=name_site(site),
                selector=str(selector),
                mean_cosine=NotMeasured(reason="pairs of one group only") if value is None else value,
                n_pairs=len(own.pairs),
                unit=own.unit.value,
            )
        )
    return tuple(rows)


def fit_vectors(data: Mapping[Place, FitData], subject: Subject, corpus: Corpus, config: SteerConfig) -> Vectors:
    """One direction per method, site and selector, under the name that `name_vector` gives.

    In the layout `shared` every site gets the direction of the middle one, with its own norm unit.
    """
    values: dict[str, Float[Tensor, " d_model"]] = {}
    sites: dict[str, VectorSite] = {}
    order = list(dict.fromkeys(site for site, _ in data))
    middle = order[len(order) // 2]
    for (site, selector), own in data.items():
        for method in config.methods:
            name = name_vector(method, site, selector)
            values[name] = fit_direction(method, data[middle, selector] if config.layout == "shared" else own)
            sites[name] = VectorSite(site=name_site(site), selector=selector, unit=own.unit)
    return Vectors(values, _origin(subject, corpus, config, sites, ", ".join(config.methods)))


def name_vector(method: str, site: Site, selector: Selector) -> str:
    """The name of a method's vector at a site."""
    return f"{method} @ {name_site(site)} ({selector})"


def read_vector_file(path: Path, subject: Subject, *, is_forced: bool) -> Vectors:
    """Vectors of a file for this subject; those of another model are refused unless forced."""
    found = load_vectors(path)
    found.check_subject(subject, is_forced=is_forced)
    return found


def _origin(
    subject: Subject, corpus: Corpus, config: SteerConfig, sites: Mapping[str, VectorSite], method: str
) -> VectorOrigin:
    from vulnscope.store import collect_versions

    return VectorOrigin(
        subject=subject.name,
        subject_digest=subject.digest,
        method=method,
        settings=config.model_dump(mode="json"),
        corpus=corpus.name,
        corpus_digest=corpus.content_digest,
        seed=config.seed,
        versions=collect_versions(),
        sites=sites,
    )
