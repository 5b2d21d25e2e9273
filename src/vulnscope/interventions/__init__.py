"""Interventions: prompts, edits, adapters and thresholds as data with a digest, and how each is applied."""

from vulnscope.interventions.application import (
    add_preface,
    digest_adapter,
    resolve_edits,
    under_intervention,
)
from vulnscope.interventions.files import Stored, load_intervention, save_intervention
from vulnscope.interventions.spec import EditSpec, Gate, Intervention
from vulnscope.interventions.vectors import VectorOrigin, Vectors, VectorSite, load_vectors, save_vectors

__all__ = [
    "EditSpec",
    "Gate",
    "Intervention",
    "OperationName",
    "Stored",
    "VectorOrigin",
    "VectorSite",
    "Vectors",
    "add_preface",
    "digest_adapter",
    "load_intervention",
    "load_vectors",
    "resolve_edits",
    "save_intervention",
    "save_vectors",
    "under_intervention",
]
