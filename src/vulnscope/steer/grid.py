"""What a sweep tries: every method at every site or layout, selector and scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.effects.trials import EditForm, Trial
from vulnscope.errors import InputError
from vulnscope.models.edit.traits import TRAITS
from vulnscope.steer.vectors import name_vector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vulnscope.interventions import Vectors
    from vulnscope.models import Selector, Site
    from vulnscope.steer.config import SteerConfig


def form_of(config: SteerConfig) -> EditForm:
    """How the study applies vectors."""
    return EditForm(config.operation, config.unit, config.keep_norm)


def list_scales(config: SteerConfig, *, both_ways: bool = False) -> tuple[float, ...]:
    """The scales to try, those of controls in both directions; one where the operation has none."""
    if not TRAITS[config.operation].is_scaled:
        return (1.0,)
    return tuple(sorted({sign * scale for scale in config.scales for sign in (1, -1)})) if both_ways else config.scales


def list_trials(
    vectors: Vectors, sites: Sequence[Site], selectors: Sequence[Selector], config: SteerConfig
) -> list[Trial]:
    """Every method at every site (or layout), selector and scale."""
    layouts: list[tuple[Site, ...]] = [(site,) for site in sites] if config.layout == "each" else [tuple(sites)]
    trials = []
    for method in config.methods:
        for selector in selectors:
            for layout in layouts:
                names = tuple(name_vector(method, site, selector) for site in layout)
                if missing := [name for name in names if name not in vectors.values]:
                    raise InputError(f"there is no vector {missing[0]!r}; fit it first")
                trials += [
                    Trial(method, layout, selector, scale, names, form_of(config)) for scale in list_scales(config)
                ]
    return trials
