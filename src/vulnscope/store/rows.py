"""`rows.jsonl`: append-only rows in batches, each batch whole or absent.

A line is one row in canonical JSON plus `_batch: [index, position, size]`, so the file alone tells which batches are
complete. Whatever a kill, a full disk or a power cut leaves behind the last complete batch is dropped and redone:
rows hold no times, hence the resumed file equals an uninterrupted one byte for byte.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from vulnscope.errors import CorruptData
from vulnscope.records.base import Record, canonical_json
from vulnscope.store.files import append_durably, truncate_durably

MARK = "_batch"

Row = dict[str, Any]

_log = logging.getLogger(__name__)


class Batch(NamedTuple):
    """The rows of one complete batch, and the byte behind its last line."""

    rows: tuple[Row, ...]
    end: int


class RowLog:
    """The rows of a locked run folder, open for appending; opening drops an incomplete last batch."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.n_rows = self.n_batches = self._end = 0
        for batch in iter_batches(path):
            self.n_rows += len(batch.rows)
            self.n_batches += 1
            self._end = batch.end
        if path.exists() and path.stat().st_size > self._end:
            truncate_durably(path, self._end)

    def append(self, rows: Iterable[Record | Mapping[str, Any]]) -> None:
        """Add one batch; on return it is on the disk, on an error none of it is in the file."""
        values = [row.model_dump(mode="json") if isinstance(row, Record) else dict(row) for row in rows]
        if not values:
            return
        lines = (
            canonical_json({**value, MARK: [self.n_batches, position, len(values)]}) + "\n"
            for position, value in enumerate(values)
        )
        data = "".join(lines).encode("utf-8", "surrogatepass")
        append_durably(self._path, data, self._end)
        self.n_rows += len(values)
        self.n_batches += 1
        self._end += len(data)


def iter_batches(path: Path) -> Iterator[Batch]:
    """Complete batches in order; a missing file has none.

    An incomplete tail is left out with a warning; damage before the last batch raises `CorruptData`.
    """
    if not path.exists():
        return
    index = offset = 0
    rows: list[Row] = []
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            offset += len(line)
            parsed = _parse(line)
            if parsed is None:
                _require_tail(file, path, number, index)
                _warn(path, index)
                return
            (batch, position, size), row = parsed
            if (batch, position) != (index, len(rows)) or size <= position:
                _refuse(path, number, f"row {[batch, position, size]} stands where [{index}, {len(rows)}, ...] belongs")
            rows.append(row)
            if len(rows) == size:
                yield Batch(tuple(rows), offset)
                index += 1
                rows = []
    if rows:
        _warn(path, index)


def count_lines(path: Path) -> int:
    """Lines of `path`, without reading what they say; 0 where it is missing."""
    if not path.exists():
        return 0
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))


def _parse(line: bytes) -> tuple[tuple[int, int, int], Row] | None:
    """The mark and the row, or None where the line is torn."""
    if not line.endswith(b"\n"):
        return None
    try:
        row = json.loads(line.decode("utf-8", "surrogatepass"))
        batch, position, size = map(int, row.pop(MARK))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return (batch, position, size), row


def _require_tail(file: Iterable[bytes], path: Path, number: int, index: int) -> None:
    """A torn line may be followed by rows of its own batch (pages reach the disk in any order), by no later one."""
    for line in file:
        parsed = _parse(line)
        if parsed is not None and parsed[0][0] != index:
            _refuse(path, number, "not a row, and later batches follow it")


def _refuse(path: Path, number: int, reason: str) -> NoReturn:
    raise CorruptData(f"{path}:{number}: {reason}; the file was changed from outside, start a new run without --resume")


def _warn(path: Path, index: int) -> None:
    _log.warning("%s: batch %d is incomplete; its rows are dropped and will be redone", path, index)
