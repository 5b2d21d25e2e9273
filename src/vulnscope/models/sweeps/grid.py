"""What a sweep tries: sites × vectors × scales × selectors, and how a coarse choice of layers is refined."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from torch import Tensor

from vulnscope.errors import InputError
from vulnscope.models.edit.edits import Edit, Unit, add
from vulnscope.models.forward.hooks import Site
from vulnscope.models.subject.sites import as_site, name_site
from vulnscope.models.text.selectors import Selector, as_selector

if TYPE_CHECKING:
    from jaxtyping import Float

    from vulnscope.models.subject.sites import NormUnit

    Vector = Float[Tensor, " d_model"]

Units = Mapping[tuple[Site, Selector], "NormUnit"]


@dataclass(frozen=True, eq=False)
class Point:
    """One thing to try at a site: `edit` is None for the unedited control."""

    vector: str
    scale: float
    site: Site
    selector: Selector
    edit: Edit | None
    unit: Literal["norm", "raw"] = "raw"


@dataclass(frozen=True, eq=False)
class Grid:
    """Every vector at every scale, site and selector.

    A vector is the same at all sites, or a mapping from site to vector. Scales hold a 0, the unedited control that
    every other scale is compared with. They count norm units of site and selector: those in `units`, measured on the
    fit split, else those of the prompts swept; or they are factors of the raw vectors. With `keep_norm` the activations
    keep their norm.
    """

    sites: tuple[Site, ...]
    vectors: Mapping[str, Vector | Mapping[Site, Vector]]
    scales: tuple[float, ...]
    selectors: tuple[Selector, ...]
    unit: Literal["norm", "raw"] = "norm"
    units: Units | None = None
    keep_norm: bool = False

    def points(self, units: Units) -> list[Point]:
        """All points, by selector, site, vector and scale; raises `InputError` for vectors that do not fit."""
        return [
            Point(name, scale, site, selector, self._edit(name, scale, site, selector, units), self.unit)
            for selector in self.selectors
            for site in self.sites
            for name in self.vectors
            for scale in self.scales
        ]

    def _edit(self, name: str, scale: float, site: Site, selector: Selector, units: Units) -> Edit | None:
        given = self.vectors[name]
        vector = given[site] if isinstance(given, Mapping) else given
        unit: Unit = "raw" if self.unit == "raw" else units[site, selector]
        try:
            edit = add(site, vector, scale, selector, unit=unit, keep_norm=self.keep_norm)
        except InputError as error:
            raise InputError(f"vector {name!r}: {error}") from error
        return edit if scale != 0 else None


def make_grid(
    sites: Iterable[Site | str | int],
    vectors: Mapping[str, Vector | Mapping[Site, Vector]],
    scales: Iterable[float],
    selectors: Iterable[str | Selector] = ("last",),
    *,
    unit: Literal["norm", "raw"] = "norm",
    units: Units | None = None,
    keep_norm: bool = False,
) -> Grid:
    """The grid, checked: raises `InputError` for scales without 0, for repetitions and for what is missing."""
    grid = Grid(
        tuple(as_site(site) for site in sites),
        dict(vectors),
        tuple(float(scale) for scale in scales),
        tuple(as_selector(selector) for selector in selectors),
        unit,
        units,
        keep_norm,
    )
    _check_axis("sites", [name_site(site) for site in grid.sites])
    _check_axis("vectors", list(grid.vectors))
    _check_axis("scales", grid.scales)
    _check_axis("selectors", [str(selector) for selector in grid.selectors])
    if 0.0 not in grid.scales:
        raise InputError(
            f"scale grid {_show(grid.scales)} has no 0: add it, the unedited control that the others are compared with"
        )
    if not all(math.isfinite(scale) for scale in grid.scales):
        raise InputError(f"scale grid {_show(grid.scales)} holds a number that is not finite")
    for name, given in grid.vectors.items():
        lacking = [name_site(site) for site in grid.sites if isinstance(given, Mapping) and site not in given]
        if lacking:
            raise InputError(f"vector {name!r} is missing at {', '.join(lacking)}")
    return grid


def coarse_sites(sites: Sequence[Site], step: int) -> tuple[Site, ...]:
    """Every `step`-th site, the highest one included: where a large model is swept first."""
    if step < 1:
        raise InputError(f"step {step} must be 1 or more")
    return tuple(sites[::-step][::-1])


def finer_sites(sites: Sequence[Site], tried: Iterable[Site], best: Site) -> tuple[Site, ...]:
    """The sites not tried yet between `best` and its tried neighbours on either side.

    Refining once more with what has been tried since goes on where the last pass stopped; empty when nothing is left.
    """
    known = {site: position for position, site in enumerate(sites)}
    places = sorted(known[site] for site in tried)
    centre = known[best]
    low = max((place for place in places if place < centre), default=-1)
    high = min((place for place in places if place > centre), default=len(sites))
    return tuple(site for place, site in enumerate(sites) if low < place < high and place not in places)


def _check_axis(name: str, values: Sequence[object]) -> None:
    if not values:
        raise InputError(f"the grid has no {name}; give at least one")
    twice = [value for i, value in enumerate(values) if value in values[:i]]
    if twice:
        raise InputError(f"the grid's {name} hold {twice[0]} twice")


def _show(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
