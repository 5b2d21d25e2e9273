"""`rows.jsonl`: append-only rows in batches, each batch whole or absent.

A line is one row in canonical JSON behind `_batch: [index, position, size, checksum]`, so the file alone tells which
batches are complete and which rows are as they were written. Whatever a kill, a full disk or a power cut leaves behind
the last complete batch is dropped and redone: rows hold no times, hence the resumed file equals an uninterrupted one
byte for byte. A row that was changed afterwards is refused. Files of earlier versions have no checksums at all; they
are read and continued as they are.
"""

from __future__ import annotations

import json
import logging
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from vulnscope.errors import CorruptData
from vulnscope.records.base import Record, canonical_json
from vulnscope.store.files import append_durably, open_regular, truncate_durably

MARK = "_batch"
CHANGED = "the file was changed after it was written; start a new run without --resume"

Row = dict[str, Any]

_log = logging.getLogger(__name__)


class Batch(NamedTuple):
    """The rows of one complete batch, the byte behind its last line, and whether they carry checksums."""

    rows: tuple[Row, ...]
    end: int
    is_checked: bool


class _Mark(NamedTuple):
    """Where a row belongs, and the checksum of it and its place."""

    batch: int
    position: int
    size: int
    check: str | None = None


class RowLog:
    """The rows of a locked run folder, open for appending; opening drops an incomplete last batch."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.n_rows = self.n_batches = self._end = 0
        self._is_checked = True
        for batch in iter_batches(path):
            self.n_rows += len(batch.rows)
            self.n_batches += 1
            self._end, self._is_checked = batch.end, batch.is_checked
        if path.exists() and path.stat().st_size > self._end:
            truncate_durably(path, self._end)

    def append(self, rows: Iterable[Record | Mapping[str, Any]]) -> None:
        """Add one batch; on return it is on the disk, on an error none of it is in the file."""
        values = [row.model_dump(mode="json") if isinstance(row, Record) else dict(row) for row in rows]
        if not values:
            return
        data = b"".join(
            _write(_Mark(self.n_batches, position, len(values)), value, is_checked=self._is_checked)
            for position, value in enumerate(values)
        )
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
    is_checked = True
    rows: list[Row] = []
    with open_regular(path) as file:
        for number, line in enumerate(file, 1):
            offset += len(line)
            parsed = _parse(line)
            if parsed is None:
                _require_tail(file, path, number, index)
                _warn(path, index)
                return
            mark, row = parsed
            if mark[:2] != (index, len(rows)) or mark.size <= mark.position:
                _refuse(path, number, f"row {list(mark[:3])} stands where [{index}, {len(rows)}, ...] belongs")
            is_checked = mark.check is not None if number == 1 else is_checked
            if (mark.check is not None) != is_checked or (is_checked and mark.check != _check(mark, line)):
                _refuse(path, number, "the row is not as it was written (its checksum differs)")
            rows.append(row)
            if len(rows) == mark.size:
                yield Batch(tuple(rows), offset, is_checked)
                index += 1
                rows = []
    if rows:
        _warn(path, index)


def count_lines(path: Path) -> int:
    """Lines of `path`, without reading what they say; 0 where it is missing."""
    if not path.exists():
        return 0
    with open_regular(path) as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))


def _write(mark: _Mark, value: Row, *, is_checked: bool) -> bytes:
    if not is_checked:
        return (canonical_json({**value, MARK: mark[:3]}) + "\n").encode("utf-8", "surrogatepass")
    rest = canonical_json(value)[1:]
    line = f"{_head(mark)}{',' if value else ''}{rest}\n".encode("utf-8", "surrogatepass")
    return line.replace(b"]", f',"{_check(mark, line)}"]'.encode(), 1)


def _head(mark: _Mark) -> str:
    """How a line begins."""
    return f'{{"{MARK}":{canonical_json([part for part in mark if part is not None])}'


def _check(mark: _Mark, line: bytes) -> str:
    """CRC-32 of the row's text behind its mark, and of where it belongs; 8 hex digits."""
    rest = line.removeprefix(_head(mark).encode("utf-8", "surrogatepass"))
    return f"{zlib.crc32(rest, zlib.crc32(repr(mark[:3]).encode())):08x}"


def _parse(line: bytes) -> tuple[_Mark, Row] | None:
    """The mark and the row, or None where the line is torn."""
    if not line.endswith(b"\n"):
        return None
    try:
        row = json.loads(line.decode("utf-8", "surrogatepass"))
        batch, position, size, *check = row.pop(MARK)
        mark = _Mark(int(batch), int(position), int(size), *map(str, check))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return mark, row


def _require_tail(file: Iterable[bytes], path: Path, number: int, index: int) -> None:
    """A torn line may be followed by rows of its own batch (pages reach the disk in any order), by no later one."""
    for line in file:
        parsed = _parse(line)
        if parsed is not None and parsed[0].batch != index:
            _refuse(path, number, "not a row, and later batches follow it")


def _refuse(path: Path, number: int, reason: str) -> NoReturn:
    raise CorruptData(f"{path}:{number}: {reason}; {CHANGED}")


def _warn(path: Path, index: int) -> None:
    _log.warning("%s: batch %d is incomplete; its rows are dropped and will be redone", path, index)
