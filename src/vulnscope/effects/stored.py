"""What `steer apply` applies: an intervention as it was stored, or vectors of a file with an edit named beside them."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from vulnscope.effects.reading.twins import choose_selector
from vulnscope.errors import InputError
from vulnscope.interventions import EditSpec, Intervention, Stored, Vectors, load_intervention, load_vectors
from vulnscope.interventions.files import SPEC
from vulnscope.models import as_selector
from vulnscope.models.edit.traits import TRAITS

if TYPE_CHECKING:
    from vulnscope.effects.config import SourceConfig

_SHOWN = 12


def read_source(config: SourceConfig) -> Stored:
    """The intervention that `config` names; raises `InputError` saying what is missing or too much."""
    path = Path(config.source)
    if path.is_dir():
        if not (path / SPEC).is_file():
            raise InputError(f"{path} holds no intervention: it has no {SPEC}{_list_near(path)}")
        given = config.vectors or config.keep_norm
        if given or any(each is not None for each in (config.operation, config.scale, config.unit, config.selector)):
            raise InputError(
                f"{path} is a stored intervention: where and how far it edits is fixed. Leave out --vector, "
                "--operation, --scale, --unit, --selector and --keep-norm, or name a vector file"
            )
        return load_intervention(path)
    vectors = load_vectors(path)
    chosen = choose_vectors(vectors, config.vectors, path)
    return Stored(_build(vectors, chosen, config), vectors)


def choose_vectors(vectors: Vectors, patterns: Sequence[str], path: Path) -> tuple[str, ...]:
    """Names of the vectors that `patterns` name; without any, the only vector of the file."""
    names = tuple(vectors.values)
    shown = "; ".join(names[:_SHOWN]) + (f"; and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
    if not patterns:
        if len(names) == 1:
            return names
        raise InputError(f"{path} holds {len(names)} vectors; name some with --vector, * stands for anything: {shown}")
    found: dict[str, None] = {}
    for pattern in patterns:
        own = [pattern] if pattern in names else [name for name in names if fnmatchcase(name, pattern)]
        if not own:
            raise InputError(f"{path} holds no vector {pattern!r}; it holds: {shown}")
        found |= dict.fromkeys(own)
    return tuple(found)


def _build(vectors: Vectors, names: Sequence[str], config: SourceConfig) -> Intervention:
    operation = config.operation or "add"
    traits = TRAITS[operation]
    if traits.is_scaled and config.scale is None:
        raise InputError(
            f"say how far with --scale: {operation} needs one. Half a norm unit, 0.5 or -0.5, is a usual start; above "
            "0 is towards vulnerable"
        )
    if traits.is_scaled and config.scale == 0:
        raise InputError("scale 0 changes nothing; the un-steered answers stand beside the steered ones anyway")
    specs = []
    for name in names:
        place = vectors.origin.sites[name]
        selector = (
            place.selector or as_selector("last") if config.selector is None else choose_selector(config.selector)
        )
        is_in_units = traits.counts_in_units and place.unit is not None and config.unit != "raw"
        if config.unit == "norm" and not is_in_units:
            raise InputError(f"{operation} of vector {name!r} cannot count in norm units; write --unit raw")
        specs.append(
            EditSpec(
                operation=operation,
                site=place.site,
                vectors=(name,),
                scale=config.scale if traits.is_scaled and config.scale is not None else 1.0,
                unit="norm" if is_in_units else "raw",
                selector=selector,
                keep_norm=config.keep_norm,
            )
        )
    name = names[0] if len(names) == 1 else f"{len(names)} vectors"
    return Intervention(name=name, edits=tuple(specs), vectors_digest=vectors.digest())


def _list_near(path: Path) -> str:
    """Interventions that lie below, as a hint."""
    found = sorted({each.parent.relative_to(path).as_posix() for each in path.glob(f"**/{SPEC}")})
    return f". Below it are: {', '.join(found[:_SHOWN])}" if found else ""
