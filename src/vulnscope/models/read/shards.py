"""Captures streamed to disk: safetensors shards with a columnar index, resumable after a kill, in bounded memory.

A folder holds `capture.json` (what was asked for) and numbered shards. Each shard has one tensor per site, named
`LAYER.STREAM`, and the integer columns of the index; row i of every tensor belongs to row i of the columns. Which
texts a shard holds follows from the texts and the batch size alone, and a shard appears under its name only when it
is complete: a resumed capture writes the missing ones and ends with the same bytes as an uninterrupted one. Its
metadata hold a checksum per tensor. Where
memory ran out, `back-off.json` tells from which batch on calls were smaller, and resuming repeats that.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from pydantic import Field, TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from vulnscope.errors import CorruptData, InputError, RunError
from vulnscope.models.edit.keys import digest_in_force
from vulnscope.models.forward.hooks import Site
from vulnscope.models.read.activations import (
    Activations,
    CaptureJob,
    Reduction,
    capture_batches,
    make_index,
    prepare_capture,
)
from vulnscope.models.read.checksums import require_unchanged, state_checksums
from vulnscope.models.read.early_exit import ReadBackOff, plan_reading
from vulnscope.models.subject.sites import as_site, name_site
from vulnscope.models.text.plan import default_max_tokens
from vulnscope.models.text.selectors import Selector, as_selector
from vulnscope.records.base import Record, canonical_json
from vulnscope.store.environment import collect_versions
from vulnscope.store.files import DISK_FULL, sync_folder, write_atomic
from vulnscope.store.lock import FolderLock

if TYPE_CHECKING:
    from vulnscope.models.subject.subject import Subject
    from vulnscope.models.text.items import TokenText

MANIFEST = "capture.json"
BACK_OFF = "back-off.json"
SHARD_BYTES = 64 << 20
Progress = Callable[[int, int], None]
Batch = tuple[int, Sequence[int]]
"""Number of a batch, and the texts in it."""

_AGAIN = "delete it and run the same capture again, which writes it anew"

_log = logging.getLogger(__name__)


class CaptureSpec(Record):
    """Everything that decides the bytes of a streamed capture."""

    schema_version: int = 1
    subject: str
    subject_digest: str
    subject_dtype: str
    device: str
    edits: str = Field(description="digest of the edits in force; none where there were none")
    sites: tuple[str, ...]
    selector: Selector
    reduce: Reduction | None
    dtype: str
    d_model: int
    n_texts: int
    n_rows: int = Field(description="vectors per site")
    texts_digest: str = Field(description="of token ids, selected positions and changed lines")
    max_tokens: int = Field(description="padded tokens per batch")
    shard_bytes: int
    n_shards: int
    versions: dict[str, str]


@dataclass(frozen=True)
class Shards:
    """A streamed capture on disk; `index["sample"]` tells the order in which the rows of a shard were read."""

    folder: Path
    spec: CaptureSpec

    @property
    def sites(self) -> list[Site]:
        """What was captured."""
        return [as_site(name) for name in self.spec.sites]

    @property
    def back_offs(self) -> list[ReadBackOff]:
        """Where memory ran out and calls became smaller."""
        return _read_back_offs(self.folder)

    def __len__(self) -> int:
        return self.spec.n_shards

    def __iter__(self) -> Iterator[Activations]:
        return (self.read(number) for number in range(len(self)))

    def read(self, number: int, sites: Sequence[Site | str | int] | None = None) -> Activations:
        """Shard `number`, all sites or some."""
        path = _path(self.folder, number)
        wanted = self.sites if sites is None else [as_site(site) for site in sites]
        if not path.is_file():
            raise RunError(f"{self.folder} lacks {path.name}: the capture is not finished; run it again to continue")
        missing = [name_site(site) for site in wanted if name_site(site) not in self.spec.sites]
        if missing:
            raise InputError(f"{', '.join(missing)} was not captured; there are: {', '.join(self.spec.sites)}")
        found = _load(path, lambda names: {*map(name_site, wanted)} | (names - set(self.spec.sites)))
        values = {site: found.pop(name_site(site)) for site in wanted}
        return Activations(values, dict(sorted(found.items())), self.spec.reduce)

    def load(self, site: Site | str | int) -> Activations:
        """One site, all shards together; rows are in the order of the texts."""
        parts = [self.read(number, [site]) for number in range(len(self))]
        index = {name: torch.cat([part.index[name] for part in parts]) for name in parts[0].index}
        order = index["sample"].argsort(stable=True)
        values = torch.cat([part[site] for part in parts])[order]
        return Activations(
            {as_site(site): values}, {name: column[order] for name, column in index.items()}, self.spec.reduce
        )


def stream_capture(
    subject: Subject,
    texts: Sequence[str | Sequence[int] | TokenText],
    sites: Iterable[Site | str | int],
    folder: Path,
    selector: str | Selector = "last",
    reduce: Reduction | None = None,
    *,
    dtype: Literal["float32", "bfloat16"] = "bfloat16",
    max_tokens: int | None = None,
    shard_bytes: int = SHARD_BYTES,
    progress: Progress | None = None,
) -> Shards:
    """`capture` into `folder`; where an earlier call left off, only the missing shards are written.

    Holds one shard in memory. `progress` hears how many shards of how many are done. Raises what `capture` raises,
    and `RunError` where the folder belongs to another capture, is in use, or the disk is full.
    """
    job = prepare_capture(subject, texts, sites, selector, reduce, dtype)
    folder.mkdir(parents=True, exist_ok=True)
    with FolderLock(folder):
        stored = _read_spec(folder)
        size = max_tokens or (stored.max_tokens if stored else default_max_tokens(subject))
        groups = _group(job, plan_reading(subject, job.lengths, size), shard_bytes)
        spec = _describe(subject, job, selector, dtype, size, shard_bytes, len(groups))
        _claim(folder, stored, spec)
        back_offs = _read_back_offs(folder)
        for number, batches in enumerate(groups):
            if not _is_whole(_path(folder, number)):
                _save(folder, number, _capture_shard(subject, job, batches, folder, back_offs))
            if progress:
                progress(number + 1, len(groups))
    return Shards(folder, spec)


def open_capture(folder: Path) -> Shards:
    """The streamed capture in `folder`."""
    spec = _read_spec(folder)
    if spec is None:
        raise InputError(f"{folder} holds no streamed capture: it has no {MANIFEST}")
    return Shards(folder, spec)


def _group(job: CaptureJob, batches: list[list[int]], shard_bytes: int) -> list[list[Batch]]:
    """Consecutive batches of about `shard_bytes` each, numbered."""
    row_bytes = len(job.sites) * job.width * job.dtype.itemsize
    groups: list[list[Batch]] = []
    room = 0
    for number, batch in enumerate(batches):
        size = row_bytes * sum(job.n_rows[i] for i in batch)
        if not groups or size > room:
            groups.append([])
            room = shard_bytes
        groups[-1].append((number, batch))
        room -= size
    return groups


@torch.inference_mode()
def _capture_shard(
    subject: Subject, job: CaptureJob, batches: Sequence[Batch], folder: Path, back_offs: list[ReadBackOff]
) -> dict[str, Tensor]:
    order = [i for _, batch in batches for i in batch]
    n_rows = sum(job.n_rows[i] for i in order)
    values = {site: torch.empty(n_rows, job.width, dtype=job.dtype) for site in job.sites}
    start = 0
    for part, found in capture_batches(subject, job, batches, back_offs, lambda _: _save_back_offs(folder, back_offs)):
        stop = start + sum(job.n_rows[i] for i in part)
        for site, vectors in found.items():
            values[site][start:stop] = vectors
        start = stop
    return {**{name_site(site): tensor for site, tensor in values.items()}, **make_index(job, order)}


def _save(folder: Path, number: int, tensors: dict[str, Tensor]) -> None:
    path = _path(folder, number)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        save_file(tensors, temporary, state_checksums(tensors))
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(folder)
    except (OSError, SafetensorError) as error:
        temporary.unlink(missing_ok=True)
        if _is_disk_full(error):
            raise RunError(f"no space left for {path}; make room and run the same capture again to continue") from error
        raise


def _is_whole(path: Path) -> bool:
    """Whether a shard is there from its first byte to its last; one that is damaged is said, and captured again."""
    if not path.exists():
        return False
    try:
        with safe_open(path, framework="pt"):
            return True
    except (OSError, SafetensorError) as error:
        _log.warning("%s is damaged (%s); its texts are captured again", path, error)
        return False


def _load(path: Path, choose: Callable[[set[str]], set[str]]) -> dict[str, Tensor]:
    """The tensors that `choose` takes, as they were written; raises `CorruptData` naming the file."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            found = {name: file.get_tensor(name) for name in choose(set(file.keys()))}
    except (OSError, SafetensorError) as error:
        raise CorruptData(f"{path} is damaged ({error}); {_AGAIN}") from error
    require_unchanged(path, metadata, found, _AGAIN)
    return found


def _is_disk_full(error: OSError | SafetensorError) -> bool:
    if isinstance(error, OSError):
        return error.errno in DISK_FULL
    return any(f"os error {number}" in str(error) for number in DISK_FULL)


def _describe(
    subject: Subject,
    job: CaptureJob,
    selector: str | Selector,
    dtype: str,
    max_tokens: int,
    shard_bytes: int,
    n_shards: int,
) -> CaptureSpec:
    digest = digest_in_force(subject)
    if digest is None:
        raise InputError(
            "a streamed capture under an edit that runs a function cannot be resumed; give the function a `digest`"
        )
    return CaptureSpec(
        subject=subject.name,
        subject_digest=subject.digest,
        subject_dtype=str(subject.dtype).removeprefix("torch."),
        device=subject.device.type,
        edits=digest,
        sites=tuple(name_site(site) for site in job.sites),
        selector=as_selector(selector),
        reduce=job.reduce,
        dtype=dtype,
        d_model=job.width,
        n_texts=len(job.items),
        n_rows=sum(job.n_rows),
        texts_digest=_digest_texts(job),
        max_tokens=max_tokens,
        shard_bytes=shard_bytes,
        n_shards=n_shards,
        versions=collect_versions(),
    )


def _digest_texts(job: CaptureJob) -> str:
    total = hashlib.sha256()
    for item, picked in zip(job.items, job.picks, strict=True):
        lines = (item.window_lines, item.changed_lines) if item.text is not None else ()
        total.update(repr((item.tokens, item.prompt_length, lines)).encode() + picked.tobytes() + b"\n")
    return total.hexdigest()[:16]


def _claim(folder: Path, stored: CaptureSpec | None, spec: CaptureSpec) -> None:
    """Write the manifest, or make sure that the one that is there asks for the same."""
    if stored is None:
        strangers = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
        if strangers:
            raise RunError(f"{folder} is not empty ({', '.join(strangers[:4])}); give a new folder for the capture")
        write_atomic(folder / MANIFEST, spec.to_json())
        return
    old, new = stored.model_dump(), spec.model_dump()
    differing = [f"{name}: {old[name]} there, {new[name]} now" for name in old if old[name] != new[name]]
    if differing:
        raise RunError(f"{folder} holds another capture ({'; '.join(differing)}); give a new folder")


def _read_spec(folder: Path) -> CaptureSpec | None:
    path = folder / MANIFEST
    if not path.is_file():
        return None
    try:
        return CaptureSpec.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        raise CorruptData(f"{path} is damaged: {str(error).splitlines()[0]}") from error


def _path(folder: Path, number: int) -> Path:
    return folder / f"{number:05d}.safetensors"


def _save_back_offs(folder: Path, back_offs: Sequence[ReadBackOff]) -> None:
    write_atomic(folder / BACK_OFF, canonical_json([step.model_dump() for step in back_offs]))


def _read_back_offs(folder: Path) -> list[ReadBackOff]:
    path = folder / BACK_OFF
    if not path.is_file():
        return []
    try:
        return TypeAdapter(list[ReadBackOff]).validate_json(path.read_bytes())
    except ValidationError as error:
        raise CorruptData(f"{path} is damaged: {str(error).splitlines()[0]}") from error
