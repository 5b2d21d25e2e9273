"""Rows of JSONL, JSON, CSV and Parquet files, each parsed on its own so that a bad row spoils no other."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from vulnscope.corpora.code.text import RowError, decode
from vulnscope.corpora.samples import Sample
from vulnscope.corpora.tables.assembly import Row, read_row
from vulnscope.corpora.tables.folders import own_files, walk_files
from vulnscope.corpora.tables.jsonl import open_bytes, parse_object, read_json_lines
from vulnscope.errors import CorruptData, MissingPrerequisite

SUFFIXES = (".jsonl", ".ndjson", ".csv", ".parquet")
"""What a table of one's own may end in."""

ALL_SUFFIXES = (*SUFFIXES, ".json", ".jsonl.gz", ".json.gz")
"""What published tables end in; `.json` holds one array, or lines all the same."""


_METADATA = frozenset({"dataset_infos.json", "dataset_info.json", "state.json", "config.json", "croissant.json"})
_SPLITS = {"train": "train", "validation": "val", "valid": "val", "val": "val", "dev": "val", "test": "test"}


BuildRow = Callable[[Mapping[str, Any], str, int], tuple[Sample, ...]]
"""Samples from the cells of a row, its file's name and its line."""


class TableRow(NamedTuple):
    """A row: the line it begins on (for Parquet its number, from 1), and how to get at its cells by column.

    `parse` raises `RowError` where the row is damaged.
    """

    line: int
    parse: Callable[[], Mapping[str, Any]]


def read_table(path: Path) -> Iterator[TableRow]:
    """Rows of a file by its suffix, one of `ALL_SUFFIXES`, in order."""
    readers = {".csv": _read_csv, ".parquet": _read_parquet, ".json": _read_json}
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    return readers.get(suffix.lower(), _read_jsonl)(path)


def find_tables(root: Path) -> Iterator[tuple[Path, str]]:
    """Published tables in any depth below `root`, each with its name from there, without those that only describe."""
    return ((path, name) for path, name in walk_files(root) if is_table(path) and path.name not in _METADATA)


def name_split(name: str) -> str | None:
    """The split that a table's path speaks of, its own name first: `data/train-00000-of-00001.parquet` is "train"."""
    for part in reversed(name.split("/")):
        for word in re.split(r"[^a-z]+", part.lower()):
            if word in _SPLITS:
                return _SPLITS[word]
    return None


def is_table(path: Path) -> bool:
    """Whether a file is a published table by its name."""
    return path.name.lower().endswith(ALL_SUFFIXES)


def read_rows(path: Path, name: str, build: BuildRow) -> Iterator[Row]:
    """Every row of a table as the samples that `build` makes of its cells, its file's `name` and its line."""
    for row in read_table(path):
        yield read_row(name, row.line, partial(_build_row, build, row, name))


def read_tables(root: Path, build: BuildRow) -> Iterator[Row]:
    """Every row of every published table in any depth below `root`."""
    for path, name in find_tables(root):
        yield from read_rows(path, name, build)


def read_files(root: Path, is_wanted: Callable[[Path], bool], build: BuildRow) -> Iterator[Row]:
    """Every row of the tables directly in `root`, or of `root` itself, that are wanted."""
    for path in own_files(root):
        if is_wanted(path):
            yield from read_rows(path, path.name, build)


def _build_row(build: BuildRow, row: TableRow, name: str) -> tuple[Sample, ...]:
    return build(row.parse(), name, row.line)


def _read_jsonl(path: Path) -> Iterator[TableRow]:
    for number, line, position in read_json_lines(path):
        yield TableRow(number, partial(parse_object, line, position))


def _read_json(path: Path) -> Iterator[TableRow]:
    """The objects of an array numbered from 1, or one object; a file whose first line is an object is read as lines."""
    with open_bytes(path) as file:
        first = file.readline()
    if _is_object(first):
        yield from _read_jsonl(path)
        return
    with open_bytes(path) as file:
        data = file.read()
    try:
        content = json.loads(decode(data))
    except (ValueError, RecursionError, RowError) as error:
        yield TableRow(1, partial(_fail, f"not JSON: {error}"))
        return
    rows = content if isinstance(content, list) else [content]
    for number, row in enumerate(rows, start=1):
        yield TableRow(number, partial(_take_object, row))


def _is_object(line: bytes) -> bool:
    try:
        parse_object(line)
    except RowError:
        return False
    return True


def _take_object(row: Any) -> Mapping[str, Any]:
    if not isinstance(row, dict):
        raise RowError(f"expected a JSON object, found {type(row).__name__}")
    return row


def _read_csv(path: Path) -> Iterator[TableRow]:
    # Bytes that are not UTF-8 become surrogates here, so that they can be blamed on their row instead of the file.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, strict=True)
        header: list[str] = []
        while True:
            line = reader.line_num + 1
            try:
                with _wide_fields():
                    cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield TableRow(line, partial(_fail, f"not CSV: {error}"))
                continue
            if header and cells:
                yield TableRow(line, partial(_name_cells, header, cells))
            elif cells:
                header = cells
                if twice := sorted({name for name in header if header.count(name) > 1}):
                    raise CorruptData(f"{path}: the header names column {twice[0]!r} twice")


def _read_parquet(path: Path) -> Iterator[TableRow]:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise MissingPrerequisite(f"reading {path.name} needs pyarrow: pip install 'vulnscope[tables]'") from error
    number = 0
    try:
        with ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1024):
                for index in range(batch.num_rows):
                    number += 1
                    yield TableRow(number, partial(_read_record, batch.slice(index, 1)))
    except (ArrowException, OSError) as error:
        yield TableRow(number + 1, partial(_fail, f"not Parquet that can be read: {error}"))


def _read_record(record: Any) -> Mapping[str, Any]:
    try:
        cells: Mapping[str, Any] = record.to_pylist()[0]
    except UnicodeDecodeError as error:
        raise RowError(f"not UTF-8: byte 0x{error.object[error.start]:02x}") from error
    return cells


def _name_cells(header: Sequence[str], cells: Sequence[str]) -> Mapping[str, str]:
    if len(cells) != len(header):
        raise RowError(f"{len(cells)} cells under {len(header)} columns")
    for name, cell in zip(header, cells, strict=True):
        byte = next((ord(character) - 0xDC00 for character in cell if "\udc80" <= character <= "\udcff"), None)
        if byte is not None:
            raise RowError(f"not UTF-8: byte 0x{byte:02x} in column {name!r}")
    return dict(zip(header, cells, strict=True))


def _fail(problem: str) -> NoReturn:
    raise RowError(problem)


@contextmanager
def _wide_fields() -> Iterator[None]:
    """Fields longer than 128 KiB; the limit of the csv module holds for the whole process, so it is put back."""
    limit = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(limit)
