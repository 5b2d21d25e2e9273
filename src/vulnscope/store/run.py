"""One run folder: read by anyone, written by the one process that holds it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from pydantic import ValidationError

from vulnscope.errors import CorruptData, RunError
from vulnscope.records.base import Record, canonical_json
from vulnscope.records.runs import Manifest, RunSummary, Status
from vulnscope.store.files import DISK_FULL, open_regular, write_atomic
from vulnscope.store.lock import FolderLock, is_locked
from vulnscope.store.manifest import explain_file, write_manifest
from vulnscope.store.rows import CHANGED, Row, RowLog, count_lines, iter_batches

ROWS = "rows.jsonl"
RESULT = "result.json"
REPORT = "report.html"

R = TypeVar("R", bound=Record)
T = TypeVar("T")
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


class StoredRun:
    """A run folder as it lies on the disk: read only, no lock."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        self.command = manifest.command
        """What its record was made by: of a run inside another, what that was."""

    @property
    def id(self) -> str:
        """Name of the run and of its folder when it was made."""
        return self.manifest.id

    @property
    def result_path(self) -> Path:
        """Where `result.json` is, or will be."""
        return self.path / RESULT

    @property
    def report_path(self) -> Path:
        """Where `report.html` is, or will be."""
        return self.path / REPORT

    @property
    def status(self) -> Status:
        """What the manifest says, except that "running" without a live process is "interrupted"."""
        stated = self.manifest.status
        return "interrupted" if stated == "running" and not is_locked(self.path) else stated

    @property
    def resume_command(self) -> str:
        """Command line that continues this run."""
        command = self.manifest.command or f"vulnscope {self.manifest.kind}"
        return command if "--resume" in command else f"{command} --resume {shlex.quote(str(self.path))}"

    def provenance(self, config: Record) -> dict[str, Any]:
        """How a record of this run was found: the fields of `RunRecord`. `config` is the study's, with its seed."""
        resolved = config.model_dump(mode="json")
        return {
            "config": resolved,
            "command": self.command,
            "versions": self.manifest.versions,
            "seed": resolved["seed"],
            "code_digest": self.manifest.digests["code"],
            "run": self.id,
        }

    def iter_rows(self) -> Iterator[Row]:
        """Rows of complete batches in order, one batch in memory at a time."""
        for batch in iter_batches(self.path / ROWS):
            yield from batch.rows

    def rows(self) -> list[Row]:
        """All rows of complete batches in order."""
        return list(self.iter_rows())

    def read_rows(self, read: Callable[[Row], T], where: Callable[[Row], bool] = lambda _: True) -> Iterator[T]:
        """What `read` makes of the rows for which `where` holds; `CorruptData` with file and line where it cannot."""
        for number, row in enumerate(self.iter_rows(), 1):
            try:
                found = [read(row)] if where(row) else []
            except (KeyError, TypeError, ValueError) as error:
                reason = explain_file(error) if isinstance(error, ValidationError) else repr(error)
                raise CorruptData(
                    f"{self.path / ROWS}:{number}: not a row of this kind of run ({reason}); {CHANGED}"
                ) from error
            yield from found

    def n_rows_within(self) -> int:
        """Rows of this run and of the runs inside it."""
        return sum(count_lines(path) for path in self.path.rglob(ROWS))

    def result(self, record: type[R]) -> R:
        """`result.json` as a `record`; raises `RunError` where there is none yet, `CorruptData` where it is no such."""
        if not self.result_path.exists():
            raise RunError(f"run {self.id} is {self.status} and has no result; continue it with: {self.resume_command}")
        try:
            with open_regular(self.result_path) as file:
                return record.model_validate_json(file.read())
        except ValidationError as error:
            reason = explain_file(error)
            raise CorruptData(f"{self.result_path}: {reason}; write it again with: {self.resume_command}") from error

    def summary(self) -> RunSummary:
        """The run in one line."""
        made = self.manifest.model_dump(include=set(RunSummary.model_fields) - {"status"})
        return RunSummary(**made, path=str(self.path), status=self.status, n_rows=count_lines(self.path / ROWS))

    def write_report(self, html: str) -> Path:
        """Replace `report.html` of a run nobody else holds; returns its path."""
        with FolderLock(self.path), self._explained():
            write_atomic(self.report_path, html)
        return self.report_path

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn a full disk into what was kept and how to go on."""
        try:
            yield
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise RunError(f"cannot write to run folder {self.path}: {error}") from error
            raise RunError(
                f"the disk is full: the {self._n_complete_rows()} rows of complete batches in {self.path} are kept; "
                f"free some space, then continue with: {self.resume_command}"
            ) from error

    def _n_complete_rows(self) -> int:
        return sum(len(batch.rows) for batch in iter_batches(self.path / ROWS))


class Run(StoredRun):
    """A run held for writing. Leaving the `with` block sets its status and lets the folder go.

    The order that makes a resumed run equal an uninterrupted one: `save_plan`, then per batch of the plan one
    `append`; on resume skip the first `n_batches` batches. A batch that had to be split is recorded by
    `revise_plan` before its parts are appended.
    """

    def __init__(self, path: Path, manifest: Manifest, lock: FolderLock, clock: Clock) -> None:
        super().__init__(path, manifest)
        self._lock = lock
        self._clock = clock
        self._rows = RowLog(path / ROWS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._close(error)
        except RunError:
            # A full disk must not hide what went wrong first; without a final status the run reads as interrupted.
            if error is None:
                raise
        finally:
            self._lock.release()

    @property
    def n_rows(self) -> int:
        """Rows already on the disk."""
        return self._rows.n_rows

    @property
    def n_batches(self) -> int:
        """Complete batches already on the disk: the ones to skip."""
        return self._rows.n_batches

    @property
    def plan(self) -> dict[str, Any] | None:
        """The stored batch plan as first made, or None."""
        return self.manifest.plan

    @property
    def plan_revisions(self) -> tuple[dict[str, Any], ...]:
        """Back-off revisions of the plan, in order."""
        return self.manifest.plan_revisions

    def save_plan(self, plan: Record | Mapping[str, Any]) -> None:
        """Store the batch plan, once; the same plan again is fine, another raises `RunError`."""
        value = as_plain(plan)
        if self.manifest.plan is None:
            self.update(plan=value)
        elif canonical_json(self.manifest.plan) != canonical_json(value):
            raise RunError(f"run {self.id} already follows another batch plan; start a new run without --resume")

    def revise_plan(self, revision: Record | Mapping[str, Any]) -> None:
        """Record one back-off step, before any row that depends on it."""
        self.update(plan_revisions=(*self.manifest.plan_revisions, as_plain(revision)))

    def append(self, rows: Iterable[Record | Mapping[str, Any]]) -> None:
        """Add the rows of one whole batch; on return they survive a kill."""
        with self._explained():
            self._rows.append(rows)

    def write_result(self, record: Record) -> Path:
        """Replace `result.json`; returns its path."""
        with self._explained():
            write_atomic(self.result_path, record.to_json() + "\n")
        return self.result_path

    def write_report(self, html: str) -> Path:
        """Replace `report.html`; returns its path."""
        with self._explained():
            write_atomic(self.report_path, html)
        return self.report_path

    def _close(self, error: BaseException | None) -> None:
        if error is None:
            self.update(status="finished", finished=self._clock(), error=None)
        elif isinstance(error, KeyboardInterrupt):
            self.update(status="interrupted", error="stopped by the user")
        else:
            self.update(status="failed", error=f"{type(error).__name__}: {error}")

    def update(self, **changes: Any) -> None:
        """Change fields of the manifest, on the disk first."""
        manifest = Manifest.model_validate({**self.manifest.model_dump(), **changes})
        with self._explained():
            write_manifest(self.path, manifest)
        self.manifest = manifest
        self.command = manifest.command
        """What its record was made by: of a run inside another, what that was."""


def as_plain(value: Record | Mapping[str, Any]) -> dict[str, Any]:
    """A record or mapping as a plain dictionary."""
    return value.model_dump(mode="json") if isinstance(value, Record) else dict(value)
