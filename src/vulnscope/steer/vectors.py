"""Directions of every method at every site, from the fit split; kept as vectors with their provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vulnscope.errors import InputError
from vulnscope.interventions import VectorOrigin, Vectors, VectorSite, load_vectors
from vulnscope.models import NormUnit, Selector, Site, Subject, as_selector, measure_norm_units
from vulnscope.models.read.pooling import Pool, capture_pools
from vulnscope.models.subject.sites import name_site
from vulnscope.models.text.selectors import part
from vulnscope.records.base import NotMeasured
from vulnscope.records.steer import Agreement
from vulnscope.stats import Groups
from vulnscope.steer.fitting import FitData, fit_direction, mean_agreement

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from vulnscope.corpora import Corpus
    from vulnscope.effects.splits import Split
    from vulnscope.steer.config import SteerConfig

Place = tuple[Site, Selector]


def choose_selector(name: str) -> Selector:
    """`last`, `all`, `changed`, or a part of the prompt such as `code` or `question`."""
    return part(name) if name in ("code", "question") else as_selector(name)


def read_fit_data(subject: Subject, split: Split, layers: Sequence[int], config: SteerConfig) -> dict[Place, FitData]:
    """The fit split at every layer and selector, from one pass; items without selected tokens are left out."""
    selectors = [choose_selector(name) for name in config.selectors]
    return read_places(subject, split, [Site(layer) for layer in layers], selectors, config)


def read_places(
    subject: Subject, split: Split, sites: Sequence[Site], selectors: Sequence[Selector], config: SteerConfig
) -> dict[Place, FitData]:
    """A split at every site and selector. Raises `InputError` where a selector picks nothing in some sample."""
    items = split.asked[0].items
    pools = {str(selector): Pool(selector, "mean") for selector in selectors}
    usable = [item for item in items if "changed" not in pools or item.changed_window]
    if len(usable) < len(items):
        raise InputError(
            "the selector changed needs twins: "
            f"{len(items) - len(usable)} samples of the fit groups have no known change. Leave it out"
        )
    found = capture_pools(subject, items, sites, pools, max_tokens=config.max_batch_tokens)
    numbers = Groups.from_labels(split.items.groups).index
    data = {}
    for selector in selectors:
        units = measure_norm_units(subject, items, sites, selector)
        for site in sites:
            data[site, selector] = FitData(
                subject=subject,
                site=site,
                selector=selector,
                states=found.values[str(selector), site],
                is_vulnerable=split.items.is_vulnerable,
                pairs=split.items.twins(),
                groups=numbers,
                unit=units[site],
                asked=split.asked,
                config=config,
            )
    return data


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


def add_vectors(
    vectors: Vectors, extra: Mapping[str, tuple[Float[Tensor, " d_model"], Site, Selector, NormUnit]]
) -> Vectors:
    """`vectors` with more of them, each with its site and unit."""
    sites = dict(vectors.origin.sites)
    values = dict(vectors.values)
    for name, (value, site, selector, unit) in extra.items():
        values[name] = value
        sites[name] = VectorSite(site=name_site(site), selector=selector, unit=unit)
    return Vectors(values, vectors.origin.model_copy(update={"sites": sites}))


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


def best_layer(data: Mapping[Place, FitData], split: Split, subject: Subject, config: SteerConfig) -> Site:
    """The site whose mean difference, fitted on the fit groups, ranks most twins of the choose groups."""
    sites = list(dict.fromkeys(site for site, _ in data))
    selector = next(iter(data))[1]
    pools = {"own": Pool(selector, "mean")}
    found = capture_pools(subject, split.asked[0].items, sites, pools, max_tokens=config.max_batch_tokens)
    twins = split.items.twins()

    def share(site: Site) -> float:
        direction = fit_direction("mean-difference-paired", data[site, selector])
        read = (found.values["own", site] @ direction).numpy()
        return float(np.mean(read[twins[:, 0]] > read[twins[:, 1]]))

    return max(sites, key=share)
