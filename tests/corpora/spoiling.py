"""Ways to spoil the files of a corpus, and what is said then."""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from vulnscope.errors import CorruptData, InputError

Do = Callable[[Path], object]
CASES = (
    "missing file",
    "truncated file",
    "truncated archive",
    "wrong columns",
    "duplicate id",
    "malformed CWE",
    "unassigned CWE",
    "label outside the set",
)
TORN = "not JSON: "
NOT_WHOLE = "is not a whole gzip archive: .*; get it again"
GONE = "wrong layout in .*: expected "


class Spoilt(NamedTuple):
    """What is done, what the error says, and how many rows --skip-bad then reports; None where nothing can be read."""

    do: Do
    words: str = ""
    n_bad: int | None = 1
    error: type[Exception] = CorruptData


class Layout(NamedTuple):
    """A layout of a loader: its fixture, its options, and per case the spoilt copy, or why there can be none."""

    loader: str
    cases: dict[str, Spoilt | str]
    options: dict[str, Any] = {}  # noqa: RUF012


def remove(*names: str) -> Spoilt:
    """Files or folders that are not there."""

    def do(root: Path) -> None:
        for name in names:
            shutil.rmtree(root / name) if (root / name).is_dir() else (root / name).unlink()

    return Spoilt(do, GONE, None, InputError)


def cut(name: str, words: str = TORN, n_bad: int | None = 1, keep: float | None = None) -> Spoilt:
    """A file that ends in the middle of its last line, or after `keep` of its bytes."""

    def do(root: Path) -> None:
        data = (root / name).read_bytes()
        end = len(data.rstrip(b"\n").rpartition(b"\n")[0]) + 20 if keep is None else int(len(data) * keep)
        (root / name).write_bytes(data[:end])

    return Spoilt(do, words, n_bad)


def pack(name: str) -> Spoilt:
    """Half of the file's gzip archive in its place."""

    def do(root: Path) -> None:
        data = gzip.compress((root / name).read_bytes())
        (root / name).unlink()
        (root / f"{name}.gz").write_bytes(data[: len(data) // 2])

    return Spoilt(do, NOT_WHOLE, None)


def row(name: str, change: dict[str, Any] | None = None, *, drop: str = "", times: int = 1) -> Do:
    """The first row of JSON lines changed, without a column, or several times."""

    def do(root: Path) -> None:
        first, *others = (root / name).read_text().splitlines()
        cells = {key: value for key, value in {**json.loads(first), **(change or {})}.items() if key != drop}
        (root / name).write_text("\n".join([*[json.dumps(cells)] * times, *others]) + "\n")

    return do


def swap(name: str, old: str, new: str) -> Do:
    """One text of a file replaced by another."""

    def do(root: Path) -> None:
        text = (root / name).read_text()
        assert old in text
        (root / name).write_text(text.replace(old, new, 1))

    return do


def write(name: str, text: str) -> Do:
    """A file of this text."""

    def do(root: Path) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)

    return do


def move(old: str, new: str, *, is_copy: bool = False) -> Do:
    """A file or folder by another name, or under both."""

    def do(root: Path) -> None:
        (root / new).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / old, root / new) if is_copy else (root / old).rename(root / new)

    return do


def sql(statement: str) -> Do:
    """A statement carried out on the database."""

    def do(root: Path) -> None:
        with closing(sqlite3.connect(root / "CVEfixes.db")) as database:
            database.execute(statement)
            database.commit()

    return do
