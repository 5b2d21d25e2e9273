"""Run folders under one root: opened for writing, continued to the same bytes, found, listed."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from vulnscope.errors import CorruptData, InputError, RunError
from vulnscope.records.base import Record
from vulnscope.records.runs import Manifest, RunSpec, RunSummary
from vulnscope.store.compare import spec_differences
from vulnscope.store.environment import code_digest, collect_versions
from vulnscope.store.lock import FolderLock
from vulnscope.store.manifest import MANIFEST, read_manifest
from vulnscope.store.rows import count_lines
from vulnscope.store.run import ROWS, Clock, Run, StoredRun, as_plain, utc_now

_UNKNOWN_TIME = datetime.min.replace(tzinfo=UTC)


def open_run(
    root: Path,
    kind: str,
    config: Record,
    *,
    subject_digest: str,
    corpus_digest: str,
    seed: int,
    device: str,
    command: str = "",
    versions: Mapping[str, str] | None = None,
    code: str | None = None,
    resume: Path | str | None = None,
    clock: Clock = utc_now,
    token: Callable[[], str] = lambda: secrets.token_hex(2),
) -> Run:
    """A new run under `root`, or the run `resume` (a folder, an id, or a unique part of one) continued.

    The defaults for `versions` and `code` describe this installation. Raises `RunError` if another process
    holds the folder, or naming every difference between the stored run and this request.
    """
    spec = RunSpec(
        kind=kind,
        command=command,
        config=as_plain(config),
        digests={"subject": subject_digest, "corpus": corpus_digest, "code": code or code_digest()},
        versions=dict(collect_versions() if versions is None else versions),
        seed=seed,
        device=device,
    )
    if resume is not None:
        return _continue_run(load_run(resume, root).path, spec, clock)
    return _start_run(root, spec, clock, token)


def load_run(reference: Path | str, root: Path) -> StoredRun:
    """The run at a path, or under `root` by id or by a unique beginning or end of it."""
    path = Path(reference)
    if not (path / MANIFEST).is_file():
        path = _find(str(reference), root)
    return StoredRun(path, read_manifest(path))


def list_runs(root: Path) -> tuple[RunSummary, ...]:
    """Every run under `root`, oldest first; before them those that cannot be read, as corrupt, with the reason."""
    summaries = [_summarise(path) for path in _folders(root)]
    return tuple(sorted(summaries, key=lambda run: run.created or _UNKNOWN_TIME))


def _start_run(root: Path, spec: RunSpec, clock: Clock, token: Callable[[], str]) -> Run:
    created = clock()
    path = _make_folder(root, f"{created.astimezone(UTC):%Y%m%d-%H%M%S}-{spec.kind}", token)
    manifest = Manifest(**spec.model_dump(), id=path.name, created=created)
    lock = FolderLock(path)
    try:
        run = Run(path, manifest, lock, clock)
        run.update()
    except BaseException:
        lock.release()
        raise
    return run


def _continue_run(path: Path, spec: RunSpec, clock: Clock) -> Run:
    lock = FolderLock(path)
    try:
        manifest = read_manifest(path)
        if differences := spec_differences(manifest, spec):
            listed = "\n  ".join(differences)
            raise RunError(
                f"run {manifest.id} cannot be continued, because this request would give other rows:\n  {listed}\n"
                "repeat it as it was, or start a new run without --resume"
            )
        run = Run(path, manifest, lock, clock)
        run.update(status="running", finished=None, error=None, n_resumed=manifest.n_resumed + 1)
    except BaseException:
        lock.release()
        raise
    return run


def _make_folder(root: Path, stem: str, token: Callable[[], str]) -> Path:
    try:
        root.mkdir(parents=True, exist_ok=True)
        while True:
            path = root / f"{stem}-{token()}"
            try:
                path.mkdir()
            except FileExistsError:
                continue
            return path
    except OSError as error:
        raise RunError(f"cannot make a run folder under {root}: {error}; choose another with --runs-dir") from error


def _find(reference: str, root: Path) -> Path:
    names = {path.name: path for path in _folders(root)}
    if reference in names:
        return names[reference]
    matches = [name for name in names if reference and (name.startswith(reference) or name.endswith(reference))]
    if len(matches) == 1:
        return names[matches[0]]
    if matches:
        raise InputError(f"run {reference!r} is ambiguous under {root}; it could be: {', '.join(matches)}")
    known = ", ".join(list(names)[-5:]) or "none"
    raise InputError(f"no run {reference!r} under {root}; the latest there: {known} (see: vulnscope run list)")


def _folders(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return sorted(path for path in root.iterdir() if (path / MANIFEST).is_file())


def _summarise(path: Path) -> RunSummary:
    n_rows = 0
    try:
        return StoredRun(path, read_manifest(path)).summary()
    except CorruptData as error:
        with suppress(CorruptData):
            n_rows = count_lines(path / ROWS)
        return RunSummary(
            id=path.name,
            path=str(path),
            kind="unknown",
            status="corrupt",
            n_rows=n_rows,
            error=str(error),
        )
