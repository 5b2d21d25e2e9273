"""Pooled activations of all prompts, kept chunk by chunk in the run folder, so that a killed run reads none twice."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from vulnscope.errors import CorruptData
from vulnscope.models import Site, Subject, TokenText, as_selector, part
from vulnscope.models.read.checksums import require_unchanged, state_checksums
from vulnscope.models.read.pooling import Pool, Pooled, capture_pools
from vulnscope.models.subject.sites import name_site

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

Progress = Callable[[int, int], None]

LAST, MEAN, MAX, CHANGED = "last", "mean", "max", "changed"
POOLS: Mapping[str, Pool] = {
    LAST: Pool(as_selector("last"), "last"),
    MEAN: Pool(part("code"), "mean"),
    MAX: Pool(part("code"), "max"),
    CHANGED: Pool(as_selector("changed"), "mean"),
}
"""How the tokens of a prompt become one vector; `last` is its end, `mean` and `max` run over the code."""
ORACLES = (CHANGED,)
EMBEDDING = Site(0, "resid_pre")

_CHUNK = 64
_AGAIN = "delete it and resume the run"


@dataclass(frozen=True, eq=False)
class Activations:
    """One vector per pool, site and item; `has[pool]` says which items have one."""

    values: Mapping[tuple[str, Site], Float[np.ndarray, "n d_model"]]
    has: Mapping[str, Bool[np.ndarray, " n"]]


def harvest(
    subject: Subject,
    items: Sequence[TokenText],
    sites: Sequence[Site],
    pools: Mapping[str, Pool] = POOLS,
    *,
    folder: Path | None = None,
    max_tokens: int | None = None,
    progress: Progress | None = None,
) -> Activations:
    """Pooled activations of `items`; with `folder`, finished chunks are kept there and not read again.

    An item without known changed lines is left out of the pool `changed`. Raises `CorruptData` for a chunk of other
    items or sites.
    """
    parts: list[Pooled] = []
    for start in range(0, len(items), _CHUNK):
        chunk = items[start : start + _CHUNK]
        path = None if folder is None else folder / f"{start:07d}.safetensors"
        stamp = _stamp(subject, chunk, sites, pools)
        found = None if path is None or not path.exists() else _load(path, stamp, sites, pools)
        if found is None:
            found = _read(subject, chunk, sites, pools, max_tokens)
            if path is not None:
                _save(path, found, stamp)
        parts.append(found)
        if progress is not None:
            progress(min(start + _CHUNK, len(items)), len(items))
    return Activations(
        {
            (pool, site): np.concatenate([part.values[pool, site].numpy() for part in parts])
            for pool in pools
            for site in sites
        },
        {pool: np.concatenate([part.has[pool] for part in parts]) for pool in pools},
    )


def _read(
    subject: Subject,
    items: Sequence[TokenText],
    sites: Sequence[Site],
    pools: Mapping[str, Pool],
    max_tokens: int | None,
) -> Pooled:
    """One pass for items whose changed lines are known, and one for the others without those pools."""
    is_known = np.array([item.changed_lines is not None or item.changed_window is not None for item in items])
    plain = {name: pool for name, pool in pools.items() if pool.selector.kind != "changed"}
    width = subject.architecture.d_model
    values = {(pool, site): torch.zeros(len(items), width) for pool in pools for site in sites}
    has = {pool: np.zeros(len(items), dtype=bool) for pool in pools}
    for mask, own in ((is_known, pools), (~is_known, plain)):
        members = np.flatnonzero(mask)
        if not len(members) or not own:
            continue
        found = capture_pools(subject, [items[i] for i in members.tolist()], sites, own, max_tokens=max_tokens)
        for key, vectors in found.values.items():
            values[key][torch.from_numpy(members)] = vectors
        for pool, flags in found.has.items():
            has[pool][members] = flags
    return Pooled(values, has)


def _stamp(subject: Subject, items: Sequence[TokenText], sites: Sequence[Site], pools: Mapping[str, Pool]) -> str:
    digest = hashlib.sha256(f"{subject.digest} {subject.name} {subject.dtype}".encode())
    digest.update(repr([name_site(site) for site in sites]).encode())
    digest.update(repr([(name, str(pool.selector), pool.reduce) for name, pool in pools.items()]).encode())
    for item in items:
        digest.update(np.array(item.tokens, dtype=np.int64).tobytes() + repr(item.changed_window).encode())
    return digest.hexdigest()[:16]


def _save(path: Path, found: Pooled, stamp: str) -> None:
    from safetensors.torch import save

    tensors = {f"{pool}/{name_site(site)}": vectors for (pool, site), vectors in found.values.items()}
    tensors |= {f"{pool}/has": torch.from_numpy(flags) for pool, flags in found.has.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_bytes(save(tensors, {"stamp": stamp, **state_checksums(tensors)}))
    os.replace(draft, path)


def _load(path: Path, stamp: str, sites: Sequence[Site], pools: Mapping[str, Pool]) -> Pooled:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("stamp") != stamp:
                raise CorruptData(f"{path} holds activations of other prompts or another model; start a new run")
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            values = {(pool, site): found[f"{pool}/{name_site(site)}"] for pool in pools for site in sites}
            has = {pool: found[f"{pool}/has"].numpy() for pool in pools}
    except (OSError, SafetensorError, KeyError) as error:
        raise CorruptData(f"{path} is damaged: {error}; {_AGAIN}") from error
    require_unchanged(path, metadata, found, _AGAIN)
    return Pooled(values, has)
