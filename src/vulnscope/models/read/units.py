"""The norm unit of a site: how large its activations are, so that a scale means the same at every layer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from vulnscope.errors import InputError
from vulnscope.models.forward.hooks import Site
from vulnscope.models.read.activations import capture
from vulnscope.models.subject.sites import NormUnit, name_site

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

    from vulnscope.models.subject.subject import Subject
    from vulnscope.models.text.items import TokenText
    from vulnscope.models.text.selectors import Selector

# Attention sinks carry norms of hundreds of times the others' (Sun et al. 2024, "Massive activations").
SINK_RATIO = 10.0


def measure_norm_units(
    subject: Subject,
    texts: Sequence[str | Sequence[int] | TokenText],
    sites: Iterable[Site | str | int],
    selector: str | Selector = "last",
) -> dict[Site, NormUnit]:
    """The norm unit of each site on `texts` (those of the fit split).

    Left out are the first token of each text and tokens whose norm exceeds ten times the median of the rest. Raises
    `InputError` where nothing is left.
    """
    found = capture(subject, texts, sites, selector)
    return {
        site: _measure(site, str(selector), torch.linalg.vector_norm(vectors, dim=-1), found.index["position"])
        for site, vectors in found.values.items()
    }


def _measure(site: Site, selector: str, norms: Float[Tensor, " n"], positions: Int[Tensor, " n"]) -> NormUnit:
    kept = norms[positions > 0]
    if not len(kept):
        raise InputError(f"selector {selector} picks first tokens only; they are attention sinks and give no norm unit")
    kept = kept[~find_sinks(kept)]
    return NormUnit(
        site=name_site(site),
        selector=selector,
        value=float(np.median(kept.numpy())),
        n_tokens=len(kept),
        n_left_out=len(norms) - len(kept),
    )


def find_sinks(norms: Float[Tensor, " n"]) -> Bool[Tensor, " n"]:
    """Which tokens are attention sinks by their norm."""
    return norms > SINK_RATIO * norms.median()
