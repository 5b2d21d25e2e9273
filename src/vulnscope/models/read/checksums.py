"""Checksums of tensors in the metadata of a safetensors file: what was changed after it was written is refused."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from vulnscope.errors import CorruptData
from vulnscope.records.base import canonical_json

_KEY = "checksums"


def state_checksums(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """The metadata that hold a checksum per tensor; one entry, since the order of several differs by process."""
    return {_KEY: canonical_json({name: _checksum(tensor) for name, tensor in tensors.items()})}


def require_unchanged(
    path: Path, metadata: Mapping[str, str] | None, tensors: Mapping[str, Tensor], again: str
) -> None:
    """Raise `CorruptData` naming the file where a tensor is not as it was written; `again` says how to get it anew.

    Files of earlier versions carry no checksums and pass.
    """
    try:
        stated = json.loads((metadata or {}).get(_KEY, "{}"))
        changed = [name for name, tensor in tensors.items() if stated and stated.get(name) != _checksum(tensor)]
    except (ValueError, AttributeError) as error:
        raise CorruptData(f"{path} is damaged: its checksums cannot be read ({error}); {again}") from error
    if changed:
        raise CorruptData(f"{path} is not as it was written (the checksum of {changed[0]} differs); {again}")


def _checksum(tensor: Tensor) -> str:
    """CRC-32 of the bytes of `tensor`; 8 hex digits."""
    return f"{zlib.crc32(tensor.contiguous().view(torch.uint8).numpy().data):08x}"
