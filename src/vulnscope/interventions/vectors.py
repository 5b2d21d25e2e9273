"""Vectors in a safetensors file, with where they came from.

Each tensor is one direction (d_model) under its name; the file's metadata holds one JSON text under `vulnscope`, the
`VectorOrigin`. A file says by itself which subject it belongs to and how its vectors were found.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from pydantic import Field, JsonValue, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from vulnscope.errors import CorruptData, InputError
from vulnscope.interventions.spec import AnySelector, SiteName
from vulnscope.models.subject.sites import NormUnit
from vulnscope.records.base import Record
from vulnscope.store.files import write_atomic

if TYPE_CHECKING:
    from jaxtyping import Float

    from vulnscope.models.subject.subject import Subject

_KEY = "vulnscope"


class VectorSite(Record):
    """Where a vector was found, and how long activations are there."""

    site: SiteName
    selector: AnySelector | None = Field(default=None, description="tokens it was read from; None where unknown")
    unit: NormUnit | None = Field(default=None, description="norm unit of the site on the fit split; None: raw only")


class VectorOrigin(Record):
    """Everything known about the vectors of a file."""

    schema_version: int = 1
    subject: str
    subject_digest: str
    method: str = Field(description="name of the method, or what a user calls vectors from elsewhere")
    settings: Mapping[str, JsonValue] = Field(default_factory=dict, description="the method's resolved config")
    corpus: str | None = None
    corpus_digest: str | None = Field(default=None, description="of the samples the vectors were fitted on")
    seed: int | None = None
    versions: Mapping[str, str] = Field(default_factory=dict, description="libraries that computed them")
    sites: Mapping[str, VectorSite] = Field(description="by name of the vector")


@dataclass(frozen=True, eq=False)
class Vectors:
    """Directions by name, in float32, and where they came from; checked at construction."""

    values: Mapping[str, Float[Tensor, " d_model"]]
    origin: VectorOrigin

    def __post_init__(self) -> None:
        if not self.values:
            raise InputError("no vectors given; at least one is needed")
        if set(self.values) != set(self.origin.sites):
            odd = ", ".join(sorted(set(self.values) ^ set(self.origin.sites)))
            raise InputError(f"vectors and their origin do not name the same: {odd}")
        widths = {name: tuple(vector.shape) for name, vector in self.values.items()}
        if len(set(widths.values())) > 1 or any(len(shape) != 1 for shape in widths.values()):
            raise InputError(f"vectors must have one axis of the same width; they are {widths}")
        for name, vector in self.values.items():
            if not bool(torch.isfinite(vector).all()):
                raise InputError(f"vector {name!r} holds NaN or infinity")
            if not bool(vector.any()):
                raise InputError(f"vector {name!r} has norm 0; there is nothing to apply")

    def __getitem__(self, name: str) -> Float[Tensor, " d_model"]:
        if name not in self.values:
            raise InputError(f"there is no vector {name!r}; there are: {', '.join(self.values)}")
        return self.values[name]

    @property
    def d_model(self) -> int:
        """Width of every vector."""
        return len(next(iter(self.values.values())))

    def digest(self) -> str:
        """First 16 hex digits of the SHA-256 over origin, names and numbers."""
        total = hashlib.sha256(self.origin.to_json().encode("utf-8", "surrogatepass"))
        for name in sorted(self.values):
            total.update(name.encode() + b"=" + _as_stored(self.values[name]).numpy().tobytes())
        return total.hexdigest()[:16]

    def extended(self, extra: Mapping[str, tuple[Float[Tensor, " d_model"], VectorSite]]) -> Vectors:
        """These and more of the same origin, each with its place."""
        values = {**self.values, **{name: value for name, (value, _) in extra.items()}}
        sites = {**self.origin.sites, **{name: site for name, (_, site) in extra.items()}}
        return Vectors(values, self.origin.model_copy(update={"sites": sites}))

    def check_subject(self, subject: Subject, *, is_forced: bool = False) -> None:
        """Raise `InputError` unless the vectors were found in `subject`, or are forced into one of their width."""
        width = subject.architecture.d_model
        if self.d_model != width:
            raise InputError(
                f"the vectors have {self.d_model} numbers, the sites of {subject.name} have {width}: they were found "
                f"in {self.origin.subject}"
            )
        if subject.digest != self.origin.subject_digest and not is_forced:
            raise InputError(
                f"the vectors were found in {self.origin.subject} (digest {self.origin.subject_digest}), this is "
                f"{subject.name} (digest {subject.digest}): directions of another model mean nothing here. Fit them "
                "again, or force them (--force) if you know better"
            )


def save_vectors(path: Path, vectors: Vectors) -> None:
    """Write `vectors` to `path`, whole or not at all."""
    tensors = {name: _as_stored(vector) for name, vector in vectors.values.items()}
    write_atomic(path, save(tensors, {_KEY: vectors.origin.to_json()}))


def load_vectors(path: Path) -> Vectors:
    """The vectors in `path`; raises `InputError` for a file that is no vector file, `CorruptData` for a damaged one."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            values = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 - no mapping
    except FileNotFoundError as error:
        raise InputError(f"vector file {path} does not exist") from error
    except (SafetensorError, OSError) as error:
        raise CorruptData(f"vector file {path} cannot be read: {error}") from error
    if _KEY not in metadata:
        raise InputError(
            f"{path} does not say where its vectors came from; read its tensors yourself and name their origin with "
            "Vectors(values, VectorOrigin(...)), then save_vectors"
        )
    try:
        return Vectors(values, VectorOrigin.model_validate(json.loads(metadata[_KEY])))
    except (ValidationError, ValueError, InputError) as error:
        reason = " ".join(str(error).split())
        raise CorruptData(f"vector file {path}: {reason}") from error


def _as_stored(vector: Tensor) -> Tensor:
    return vector.detach().to("cpu", torch.float32).contiguous()
