"""JSON lines, one object each, read so that one bad line spoils no other."""

from __future__ import annotations

import gzip
import json
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, cast

from vulnscope.corpora.code.text import RowError, decode
from vulnscope.errors import CorruptData

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked where it ends in `.gz`; raises `CorruptData` where the archive is broken."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield cast(IO[bytes], file)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise CorruptData(f"{path} is not a whole gzip archive: {error}; get it again") from error


def read_json_lines(path: Path) -> Iterator[tuple[int, bytes, int]]:
    """(1-based line, its bytes, their position in the file) of every line that is not blank."""
    position = 0
    with open_bytes(path) as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, line, position
            position += len(line)


def parse_object(line: bytes, position: int = 0) -> dict[str, Any]:
    """The JSON object of one line; raises `RowError` where it is none, or not UTF-8."""
    text = decode(line, position).rstrip("\r\n")
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise RowError(f"not JSON: {error.msg} at column {error.colno}") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; nesting of thousands of levels
        raise RowError(f"not JSON that can be read: {error}") from error
    if not isinstance(value, dict):
        raise RowError(f"expected a JSON object, found {type(value).__name__}")
    return value
