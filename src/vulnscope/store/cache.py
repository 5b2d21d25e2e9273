"""Answers already computed, shared by all runs on this machine.

A hit across runs guarantees 1e-4 nats, not bytes: the batch it was computed in may have been another. The cache is a
convenience: whatever is wrong with it costs a warning and the time to compute again, never a run. A value is stored
behind the version of its format and a checksum over it and its key; one that is of another version, or not as it was
written, counts as unknown and is dropped.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import Field

from vulnscope.records.base import Record, canonical_json

_FORMAT = "v1"
_BUSY_SECONDS = 30.0
_RETRY_SECONDS = 0.02
_KEYS_PER_QUERY = 500
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_SIDE_FILES = ("", "-wal", "-shm")

_log = logging.getLogger(__name__)

T = TypeVar("T")


class AnswerKey(Record):
    """Everything an answer depends on; two requests with equal keys may share it."""

    subject_digest: str
    adapter: str | None = None
    quantization: str | None = None
    dtype: str
    device_kind: str = Field(description="cpu, cuda, mps: not the index")
    versions: dict[str, str] = Field(description="of the libraries that compute the answer")
    token_ids: tuple[int, ...]
    answers: tuple[tuple[int, ...], ...] = Field(default=(), description="scored continuations, where any")
    decoding: dict[str, object] = Field(description="method, temperature, length; with seed and repeat index")
    intervention_digest: str = Field(default="none", description="over the resolved bytes of edits and adapter")

    def key(self) -> str:
        """SHA-256 of the canonical JSON, 64 hex digits."""
        return hashlib.sha256(self.to_json().encode("utf-8", "surrogatepass")).hexdigest()


class AnswerCache:
    """Key to JSON value in one SQLite file (WAL), safe for several processes; one thread at a time uses an object.

    Of two values put under one key the first stays. A damaged file is moved aside with a warning; a place that
    cannot be used at all turns the cache off with a warning.
    """

    def __init__(self, path: Path, *, is_durable: bool = False) -> None:
        """`is_durable`: what was put is on the disk on return, also where the power fails."""
        self.path = path
        self._is_durable = is_durable
        self._database: sqlite3.Connection | None = None
        self._try(lambda _: None, None, connect=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_on(self) -> bool:
        """Whether anything is remembered."""
        return self._database is not None

    def get_many(self, keys: Sequence[str]) -> dict[str, Any]:
        """The values known among `keys`."""
        return self._try(lambda database: _select(database, keys), {})

    def put_many(self, values: Mapping[str, Any]) -> None:
        """Remember `values`, all or none; raises `ValueError` on NaN."""
        rows = [(key, _write(key, canonical_json(value))) for key, value in values.items()]
        self._try(lambda database: _insert(database, rows), None)

    def close(self) -> None:
        """Let the file go; the cache is off afterwards."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _try(self, action: Callable[[sqlite3.Connection], T], otherwise: T, *, connect: bool = False) -> T:
        """`action`'s result; `otherwise` where the cache is off or has to be given up or renewed."""
        if self._database is None and not connect:
            return otherwise
        try:
            if self._database is None:
                self._database = _connect(self.path, is_durable=self._is_durable)
            return action(self._database)
        except (sqlite3.Error, OSError) as error:
            self.close()
            if _is_damage(error):
                self._renew(error)
            else:
                _log.warning("answer cache %s is off for this run: %s", self.path, error)
            return otherwise

    def _renew(self, damage: Exception) -> None:
        try:
            aside = _move_aside(self.path)
            self._database = _connect(self.path, is_durable=self._is_durable)
            _log.warning("answer cache %s is damaged (%s): moved to %s, starting a new one", self.path, damage, aside)
        except (sqlite3.Error, OSError) as error:
            self.close()
            _log.warning("answer cache %s is damaged (%s) and off for this run: %s", self.path, damage, error)


def _connect(path: Path, *, is_durable: bool) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        _switch_to_wal(database)
        database.execute(f"PRAGMA synchronous={'FULL' if is_durable else 'NORMAL'}")
        database.execute("CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
    except sqlite3.Error:
        database.close()
        raise
    return database


def _switch_to_wal(database: sqlite3.Connection) -> None:
    """SQLite waits for other processes by itself, except here: while one of them writes, the switch fails at once."""
    give_up = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            database.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return


def _select(database: sqlite3.Connection, keys: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for start in range(0, len(keys), _KEYS_PER_QUERY):
        chunk = keys[start : start + _KEYS_PER_QUERY]
        places = ",".join("?" * len(chunk))
        rows = database.execute(f"SELECT key, value FROM answers WHERE key IN ({places})", chunk).fetchall()
        found |= {key: _read(text) for key, text in rows if text == _write(key, _text_of(text))}
        # What stays would keep the new value out.
        database.executemany("DELETE FROM answers WHERE key = ?", [(key,) for key, _ in rows if key not in found])
    return found


def _write(key: str, text: str) -> str:
    """`text` behind its format and the CRC-32 of key and text."""
    return f"{_FORMAT} {zlib.crc32(f'{key} {text}'.encode('utf-8', 'surrogatepass')):08x} {text}"


def _text_of(value: object) -> str:
    """What `_write` was given."""
    return str(value).partition(" ")[2].partition(" ")[2]


def _read(value: str) -> Any:
    return json.loads(_text_of(value))


def _insert(database: sqlite3.Connection, rows: Sequence[tuple[str, str]]) -> None:
    database.execute("BEGIN IMMEDIATE")
    try:
        database.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?)", rows)
        database.execute("COMMIT")
    except sqlite3.Error:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


def _is_damage(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(code, int) and code & 0xFF in _DAMAGED


def _move_aside(path: Path) -> Path:
    aside = next(name for number in count(1) if not (name := path.with_name(f"{path.name}.damaged-{number}")).exists())
    for suffix in _SIDE_FILES:
        source = path.with_name(path.name + suffix)
        if source.exists():
            source.replace(aside.with_name(aside.name + suffix))
    return aside
