"""Interventions on disk: a folder with `intervention.json` and, where there are edits, `vectors.safetensors`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from vulnscope.errors import CorruptData, InputError
from vulnscope.interventions.application import resolve_edits
from vulnscope.interventions.spec import Intervention
from vulnscope.interventions.vectors import Vectors, load_vectors, save_vectors
from vulnscope.store.files import write_atomic

SPEC, VECTORS = "intervention.json", "vectors.safetensors"


class Stored(NamedTuple):
    """An intervention and the vectors its edits name."""

    intervention: Intervention
    vectors: Vectors | None


def save_intervention(folder: Path, intervention: Intervention, vectors: Vectors | None = None) -> None:
    """Write `intervention` into `folder`; raises `InputError` where `vectors` are not those its edits name."""
    resolve_edits(intervention, vectors)
    folder.mkdir(parents=True, exist_ok=True)
    if vectors is not None and intervention.edits:
        save_vectors(folder / VECTORS, vectors)
    write_atomic(folder / SPEC, json.dumps(intervention.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n")


def load_intervention(folder: Path) -> Stored:
    """What `save_intervention` wrote; raises `InputError` where there is none, `CorruptData` where parts do not fit."""
    path = folder / SPEC
    try:
        intervention = Intervention.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise InputError(f"{folder} holds no intervention: it has no {SPEC}") from error
    except (ValidationError, InputError) as error:
        raise CorruptData(f"{path} is no intervention: {' '.join(str(error).split())}") from error
    if not intervention.edits:
        return Stored(intervention, None)
    vectors = load_vectors(folder / VECTORS)
    if vectors.digest() != intervention.vectors_digest:
        raise CorruptData(
            f"{folder / VECTORS} has digest {vectors.digest()}, but {SPEC} was written with "
            f"{intervention.vectors_digest}"
        )
    return Stored(intervention, vectors)
