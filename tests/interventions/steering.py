"""Vectors and interventions for the tiny dense subject."""

from __future__ import annotations

import torch
from tests.models.subjects import tiny_subject

from vulnscope.interventions import EditSpec, Intervention, VectorOrigin, Vectors, VectorSite
from vulnscope.models import NormUnit

SITE = "1.resid_post"


def make_vectors() -> Vectors:
    """Two directions at one site of the tiny dense subject."""
    generator = torch.Generator().manual_seed(0)
    values = {name: torch.randn(32, generator=generator) for name in ("first", "second")}
    unit = NormUnit(site=SITE, selector="last", value=2.5, n_tokens=9, n_left_out=1)
    place = VectorSite(site=SITE, selector="last", unit=unit)
    origin = VectorOrigin(
        subject="qwen2",
        subject_digest=tiny_subject().digest,
        method="drawn",
        settings={"seed": 0},
        corpus="made",
        corpus_digest="c" * 16,
        seed=0,
        versions={"torch": torch.__version__},
        sites=dict.fromkeys(values, place),
    )
    return Vectors(values, origin)


def make_intervention(vectors: Vectors, *edits: EditSpec) -> Intervention:
    """An intervention of these edits."""
    return Intervention(name="made", edits=edits, vectors_digest=vectors.digest())
