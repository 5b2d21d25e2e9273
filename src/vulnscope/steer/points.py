"""What is tried: points of one edit each for the sweep engine, and lists of edits for layouts of several layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from vulnscope.errors import InputError
from vulnscope.interventions import EditSpec, Intervention, ReadOut, Vectors, resolve_edits
from vulnscope.models import Edit, Point, Selector, Site
from vulnscope.models.subject.sites import as_site, name_site

if TYPE_CHECKING:
    from vulnscope.steer.config import SteerConfig

CLEAN = "clean"


class Trial(NamedTuple):
    """One thing to try: a method at sites and a selector, at one scale; `vectors` name its directions, site by site."""

    method: str
    sites: tuple[Site, ...]
    selector: Selector
    scale: float
    vectors: tuple[str, ...]

    def specs(self, config: SteerConfig, condition: ReadOut | None = None) -> tuple[EditSpec, ...]:
        """Its edits as data."""
        is_scaled = config.operation != "project-out"
        return tuple(
            EditSpec(
                operation=config.operation,
                site=name_site(site),
                vectors=(vector,),
                scale=self.scale if is_scaled else 1.0,
                unit=config.unit if config.operation in ("add", "clamp") else "raw",
                selector=self.selector,
                keep_norm=config.keep_norm,
                condition=condition,
            )
            for site, vector in zip(self.sites, self.vectors, strict=True)
        )

    def describe(self, config: SteerConfig) -> str:
        """Where and how, in words."""
        where = ", ".join(name_site(site) for site in self.sites)
        unit = " norm units" if config.unit == "norm" and config.operation in ("add", "clamp") else ""
        how = (
            "projected out"
            if config.operation == "project-out"
            else f"{config.operation} {self.scale:g}{unit}".replace(" -", " −")
        )
        return f"{where}, {self.selector}: {how}"


def list_trials(
    vectors: Vectors, sites: Sequence[Site], selectors: Sequence[Selector], config: SteerConfig
) -> list[Trial]:
    """Every method at every site (or layout), selector and scale."""
    from vulnscope.steer.vectors import name_vector

    scales = (1.0,) if config.operation == "project-out" else config.scales
    layouts: list[tuple[Site, ...]] = [(site,) for site in sites] if config.layout == "each" else [tuple(sites)]
    trials = []
    for method in config.methods:
        for selector in selectors:
            for layout in layouts:
                names = tuple(name_vector(method, site, selector) for site in layout)
                if missing := [name for name in names if name not in vectors.values]:
                    raise InputError(f"there is no vector {missing[0]!r}; fit it first")
                trials += [Trial(method, layout, selector, scale, names) for scale in scales]
    return trials


def resolve_trial(
    trial: Trial, vectors: Vectors, config: SteerConfig, condition: ReadOut | None = None
) -> tuple[Edit, ...]:
    """The edits of a trial with their numbers in place."""
    return resolve_edits(make_intervention(trial.method, trial.specs(config, condition), vectors), vectors)


def make_intervention(name: str, specs: Sequence[EditSpec], vectors: Vectors) -> Intervention:
    """Edits as an intervention with the digest of their vectors."""
    return Intervention(name=name, edits=tuple(specs), vectors_digest=vectors.digest())


def as_points(trials: Mapping[str, Trial], vectors: Vectors, config: SteerConfig) -> list[Point]:
    """Trials of one site each as points of a sweep, named by their keys; a clean control per site and selector."""
    points: list[Point] = []
    controls: set[tuple[Site, Selector]] = set()
    for key, trial in trials.items():
        (edit,) = resolve_trial(trial, vectors, config)
        if (edit.site, trial.selector) not in controls:
            controls.add((edit.site, trial.selector))
            points.append(Point(CLEAN, 0.0, edit.site, trial.selector, None))
        points.append(Point(key, trial.scale, edit.site, trial.selector, edit))
    return points


def site_of(name: str) -> Site:
    """The site of a name such as `3.resid_post`."""
    return as_site(name)
