"""Edits: an operation at a site, at the tokens a selector picks, and the constructors of every kind.

Scales and values are given in the site's norm unit, measured with `measure_norm_units` on the fit split, or raw with
`unit="raw"`; an edit holds raw numbers and remembers the unit. A vector, scale or value is shared by all texts, or
has one row per text. Gradients flow from logits to a vector that asks for them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from vulnscope.errors import InputError
from vulnscope.models.edit.operations import (
    Add,
    Clamp,
    Function,
    Operation,
    ProjectOut,
    ReplaceBy,
    ReplaceTokens,
    ReplaceWith,
    ScaleComponent,
    Trace,
    as_rows,
)
from vulnscope.models.forward.hooks import Site
from vulnscope.models.subject.sites import NormUnit, as_site, name_site
from vulnscope.models.text.selectors import Selector, as_selector

if TYPE_CHECKING:
    from jaxtyping import Float

Unit = NormUnit | Literal["raw"]


@dataclass(frozen=True, eq=False)
class Condition:
    """A read-out that decides per text whether an edit applies.

    The mean activation of the unedited subject at `site`, over the prompt tokens that `selector` picks, projected on
    the unit direction, lies above `threshold` (below it where `is_above` is False). Raw units.
    """

    site: Site
    direction: Float[Tensor, " d_model"]
    threshold: float
    selector: Selector
    is_above: bool = True

    def holds(self, states: Float[Tensor, "n d_model"]) -> Tensor:
        """Which of the mean activations fulfil the condition."""
        read = states.float() @ self.direction.to(states.device)
        return read > self.threshold if self.is_above else read < self.threshold

    def digest(self) -> str:
        """First 16 hex digits of the SHA-256 of everything it depends on."""
        words = f"{name_site(self.site)} {self.selector.to_json()} {self.threshold!r} {self.is_above}"
        return hashlib.sha256(words.encode() + self.direction.cpu().numpy().tobytes()).hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class Edit:
    """A change of the activations at `site`, at selected tokens, of the texts for which `condition` holds."""

    site: Site
    selector: Selector
    operation: Operation
    unit: Unit = "raw"
    condition: Condition | None = None

    def digest(self) -> str | None:
        """First 16 hex digits of the SHA-256 of the resolved edit; None where it runs a function without a digest."""
        operation = self.operation.digest()
        if operation is None:
            return None
        condition = self.condition.digest() if self.condition else ""
        words = f"{name_site(self.site)} {self.selector.to_json()} {operation} {condition}"
        return hashlib.sha256(words.encode()).hexdigest()[:16]

    def __str__(self) -> str:
        return f"{self.operation.name} at {name_site(self.site)} ({self.selector})"


def when(
    site: Site | str | int,
    direction: Any,
    threshold: float,
    selector: str | Selector = "last",
    *,
    is_above: bool = True,
) -> Condition:
    """The condition that the read-out at `site` along `direction` lies above (or below) `threshold`."""
    unit_direction = _directions(direction, site)[0]
    if not torch.isfinite(torch.tensor(threshold)):
        raise InputError(f"condition at {name_site(as_site(site))}: the threshold {threshold} is not finite")
    return Condition(as_site(site), unit_direction.detach(), float(threshold), as_selector(selector), is_above)


def add(
    site: Site | str | int,
    vector: Any,
    scale: Any = 1.0,
    selector: str | Selector = "last",
    *,
    unit: Unit | None = None,
    keep_norm: bool = False,
    condition: Condition | None = None,
) -> Edit:
    """Add `scale` norm units along `vector`, or `scale` × `vector` as it is with `unit="raw"`.

    With `keep_norm` the sum is rescaled to the norm it had before. A zero scale leaves everything as it is; a zero
    vector is an error.
    """
    place = as_site(site)
    vectors, scales = as_rows(vector, 1, f"vector at {name_site(place)}"), as_rows(scale, 0, "scale")
    _match_rows(place, vectors=vectors, scales=scales)
    raw = _require_unit(unit, place)
    norms = _nonzero_norms(vectors, place)
    if isinstance(raw, NormUnit):
        vectors = vectors * (raw.value / norms)
    return Edit(place, as_selector(selector), Add(scales[:, None] * vectors, keep_norm), raw, condition)


def project_out(
    site: Site | str | int,
    directions: Any,
    selector: str | Selector = "all",
    *,
    condition: Condition | None = None,
) -> Edit:
    """Remove the component along a direction (d_model), or along all of a subspace (n_directions, d_model)."""
    place = as_site(site)
    what = f"directions at {name_site(place)}"
    given = directions if isinstance(directions, Tensor) else torch.as_tensor(directions)
    spans = as_rows(given, 2, what) if given.ndim > 1 else as_rows(given, 1, what)[:, None]
    _nonzero_norms(spans, place)
    if bool((torch.linalg.matrix_rank(spans) < spans.shape[1]).any()):
        raise InputError(f"{what} are linearly dependent; give each direction once")
    basis, _ = torch.linalg.qr(spans.transpose(-1, -2))
    return Edit(place, as_selector(selector), ProjectOut(basis.transpose(-1, -2).contiguous()), "raw", condition)


def clamp(
    site: Site | str | int,
    direction: Any,
    value: Any,
    selector: str | Selector = "all",
    *,
    unit: Unit | None = None,
    condition: Condition | None = None,
) -> Edit:
    """Set the component along `direction` to `value` norm units (raw with `unit="raw"`)."""
    place = as_site(site)
    values, raw = as_rows(value, 0, "value"), _require_unit(unit, place)
    values = values * raw.value if isinstance(raw, NormUnit) else values
    directions = _directions(direction, place)
    _match_rows(place, directions=directions, values=values)
    return Edit(place, as_selector(selector), Clamp(directions, values), raw, condition)


def scale_component(
    site: Site | str | int,
    direction: Any,
    factor: Any,
    selector: str | Selector = "all",
    *,
    condition: Condition | None = None,
) -> Edit:
    """Multiply the component along `direction` by `factor` (1 changes nothing, 0 removes it)."""
    place = as_site(site)
    directions, factors = _directions(direction, place), as_rows(factor, 0, "factor")
    _match_rows(place, directions=directions, factors=factors)
    return Edit(place, as_selector(selector), ScaleComponent(directions, factors), "raw", condition)


def replace(
    site: Site | str | int,
    by: Any,
    selector: str | Selector = "all",
    *,
    reconstruction: Function | None = None,
    condition: Condition | None = None,
) -> Edit:
    """Put something else in place of the activations.

    `by` is one vector (d_model), one per text (n, d_model), a list with a matrix per text (one row per selected
    token), or a function of vectors (n, d_model) such as a sparse autoencoder. With `reconstruction` the function's
    error term h − reconstruction(h) is added back.
    """
    place = as_site(site)
    what = f"replacement at {name_site(place)}"
    operation: Operation
    if callable(by) and not isinstance(by, Tensor):
        operation = ReplaceWith(by, reconstruction)
    elif reconstruction is not None:
        raise InputError(f"{what}: an error term can be added back to a function only")
    elif isinstance(by, list | tuple) and len(by) and getattr(by[0], "ndim", 1) == 2:
        parts = [as_rows(part, 1, what) for part in by]
        operation = ReplaceTokens(torch.cat(parts), tuple(len(part) for part in parts))
    else:
        operation = ReplaceBy(as_rows(by, 1, what))
    return Edit(place, as_selector(selector), operation, "raw", condition)


def trace(site: Site | str | int, selector: str | Selector = "all") -> Edit:
    """Change nothing and note every token seen, in `edit.operation.fired`, as (text, position)."""
    return Edit(as_site(site), as_selector(selector), Trace())


def digest_edits(edits: Sequence[Edit]) -> str | None:
    """Digest of all edits in their order; None where one has none."""
    digests = [edit.digest() for edit in edits]
    if any(digest is None for digest in digests):
        return None
    return hashlib.sha256(" ".join(map(str, digests)).encode()).hexdigest()[:16]


def _match_rows(site: Site, **parameters: Tensor) -> None:
    sizes = {name: len(tensor) for name, tensor in parameters.items() if len(tensor) > 1}
    if len(set(sizes.values())) > 1:
        shown = ", ".join(f"{n} {name}" for name, n in sizes.items())
        raise InputError(f"edit at {name_site(site)}: {shown} do not fit; give one for all texts or one for each")


def _require_unit(unit: Unit | None, site: Site) -> Unit:
    if unit is None:
        raise InputError(
            f"the edit at {name_site(site)} counts in the site's norm unit: pass unit=measure_norm_units(subject, "
            "texts, [site])[site] with the texts of the fit split, or unit='raw'"
        )
    if isinstance(unit, NormUnit) and unit.site != name_site(site):
        raise InputError(f"the norm unit was measured at {unit.site}, the edit is at {name_site(site)}")
    if not isinstance(unit, NormUnit) and unit != "raw":
        raise InputError(f"unknown unit {unit!r}; pass a NormUnit or 'raw'")
    return unit


def _directions(direction: Any, site: Site | str | int) -> Tensor:
    """Unit directions with a row axis in front."""
    place = as_site(site)
    rows = as_rows(direction, 1, f"direction at {name_site(place)}")
    return rows / _nonzero_norms(rows, place)


def _nonzero_norms(vectors: Tensor, site: Site) -> Tensor:
    norms: Tensor = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    zero = (norms.detach().flatten(0, -2) == 0).nonzero()
    if len(zero):
        which = f" (row {int(zero[0, 0])})" if norms.shape[0] > 1 else ""
        raise InputError(f"the vector of the edit at {name_site(site)} has norm 0{which}; there is nothing to apply")
    return norms
