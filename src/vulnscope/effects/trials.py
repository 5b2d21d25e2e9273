"""What is tried: points of one edit each for the sweep engine, and lists of edits for layouts of several layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from vulnscope.interventions import EditSpec, Gate, Intervention, Vectors, resolve_edits
from vulnscope.interventions.words import describe_how
from vulnscope.models import Edit, Point, Selector, Site
from vulnscope.models.edit.traits import TRAITS, OperationName
from vulnscope.models.subject.sites import name_site

CLEAN = "clean"


class EditForm(NamedTuple):
    """How vectors are applied, whichever they are."""

    operation: OperationName
    unit: Literal["norm", "raw"]
    keep_norm: bool


class Trial(NamedTuple):
    """One thing to try: a method at sites and a selector, at one scale; `vectors` name its directions, site by site."""

    method: str
    sites: tuple[Site, ...]
    selector: Selector
    scale: float
    vectors: tuple[str, ...]
    form: EditForm

    @property
    def sign(self) -> float:
        """The scale where its sign says which way the edit pushes, else 0."""
        return self.scale if TRAITS[self.form.operation].is_signed else 0.0

    def specs(self, condition: Gate | None = None) -> tuple[EditSpec, ...]:
        """Its edits as data."""
        operation, unit, keep_norm = self.form
        traits = TRAITS[operation]
        return tuple(
            EditSpec(
                operation=operation,
                site=name_site(site),
                vectors=(vector,),
                scale=self.scale if traits.is_scaled else 1.0,
                unit=unit if traits.counts_in_units else "raw",
                selector=self.selector,
                keep_norm=keep_norm,
                condition=condition,
            )
            for site, vector in zip(self.sites, self.vectors, strict=True)
        )

    def describe(self) -> str:
        """Where and how, in words."""
        where = ", ".join(name_site(site) for site in self.sites)
        return f"{where}, {self.selector}: {describe_how(self.form.operation, self.scale, self.form.unit)}"

    def at_scale(self, scale: float) -> Trial:
        """The same at another scale, where it has one."""
        return self._replace(scale=scale) if TRAITS[self.form.operation].is_scaled else self

    def intervene(self, vectors: Vectors, condition: Gate | None = None, *, name: str | None = None) -> Intervention:
        """It as an intervention with these vectors, called like its method unless named."""
        return make_intervention(name or self.method, self.specs(condition), vectors)


def make_intervention(name: str, specs: Sequence[EditSpec], vectors: Vectors) -> Intervention:
    """Edits as an intervention with the digest of their vectors."""
    return Intervention(name=name, edits=tuple(specs), vectors_digest=vectors.digest())


def resolve_trial(trial: Trial, vectors: Vectors) -> tuple[Edit, ...]:
    """The edits of a trial with their numbers in place."""
    return resolve_edits(trial.intervene(vectors), vectors)


def as_points(trials: Mapping[str, Trial], vectors: Vectors) -> list[Point]:
    """Trials of one site each as points of a sweep, named by their keys; a clean control per site and selector."""
    points: list[Point] = []
    controls: set[tuple[Site, Selector]] = set()
    for key, trial in trials.items():
        (edit,) = resolve_trial(trial, vectors)
        if (edit.site, trial.selector) not in controls:
            controls.add((edit.site, trial.selector))
            points.append(Point(CLEAN, 0.0, edit.site, trial.selector, None))
        points.append(Point(key, trial.scale, edit.site, trial.selector, edit))
    return points
