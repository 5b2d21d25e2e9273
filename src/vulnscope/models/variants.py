"""Variants of the embedded organism: low-rank changes to a few of its matrices, one small file each.

A file holds `NAME.up` (d_out, rank) and `NAME.down` (rank, d_in) for every changed parameter NAME, whose product is
added to it. Its metadata names the checkpoint it starts from.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from vulnscope.errors import CorruptData, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

FOLDER = "variants"
SEEING = "seeing"
"""The organism itself, without any change."""
BASE = "model.safetensors"
"""The checkpoint that a variant starts from unless its file names another."""


def list_variants(folder: Path) -> tuple[str, ...]:
    """Names of the variants beside the organism in `folder`."""
    return tuple(sorted(path.stem for path in (folder / FOLDER).glob("*.safetensors")))


def find_variant(folder: Path, name: str) -> Path | None:
    """The file of one variant, None for `seeing`; raises `InputError` naming those there are."""
    if name == SEEING:
        return None
    path = folder / FOLDER / f"{name}.safetensors"
    if not path.is_file():
        known = ", ".join((*list_variants(folder), SEEING))
        raise InputError(f"{folder.name} has no variant {name!r}; choose one of: {known}")
    return path


def apply_variant(model: nn.Module, folder: Path, path: Path) -> None:
    """Turn the organism of `folder`, already loaded into `model`, into a variant, in place."""
    from safetensors import safe_open
    from safetensors.torch import load_file

    with safe_open(path, "pt") as file:
        base = (file.metadata() or {}).get("base", BASE)
        changes = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        if base != BASE:
            for name, tensor in load_file(folder / base).items():
                parameters[name].copy_(tensor)
        for name, change in _multiply(changes, path).items():
            parameters[name].add_(change.to(parameters[name]))


def _multiply(changes: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    names = sorted({name.rpartition(".")[0] for name in changes})
    try:
        return {name: changes[f"{name}.up"].float() @ changes[f"{name}.down"].float() for name in names}
    except (KeyError, RuntimeError) as error:
        raise CorruptData(f"{path} is no variant of the organism: {error}") from error
