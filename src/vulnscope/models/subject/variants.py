"""Variants of the embedded organism: low-rank changes to a few of its matrices, one small file each.

A file holds `NAME.up` (d_out, rank) and `NAME.down` (rank, d_in) for every changed parameter NAME, whose product is
added to it. Its metadata names the checkpoint it starts from.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vulnscope.errors import CorruptData, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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


def find_base(folder: Path, path: Path) -> Path | None:
    """The checkpoint that a variant starts from, None where that is the organism's own weights."""
    with _open(path) as file:
        name = (file.metadata() or {}).get("base", BASE)
    base = folder / name
    if not base.is_file():
        raise CorruptData(f"variant {path} starts from {base}, which is not there; train the organism again")
    return None if name == BASE else base


def apply_variant(model: nn.Module, folder: Path, path: Path) -> None:
    """Turn the organism of `folder`, already loaded into `model`, into a variant, in place."""
    import torch
    from safetensors.torch import load_file

    base = find_base(folder, path)
    with _open(path) as file:
        changes = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        if base is not None:
            for name, tensor in load_file(base).items():
                parameters[name].copy_(tensor)
        for name, change in _multiply(changes, path).items():
            parameters[name].add_(change.to(parameters[name]))


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            yield file
    except SafetensorError as error:
        raise CorruptData(f"{path} is no variant of the organism: {error}") from error


def _multiply(changes: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    names = sorted({name.rpartition(".")[0] for name in changes})
    try:
        return {name: changes[f"{name}.up"].float() @ changes[f"{name}.down"].float() for name in names}
    except (KeyError, RuntimeError) as error:
        raise CorruptData(f"{path} is no variant of the organism: {error}") from error
