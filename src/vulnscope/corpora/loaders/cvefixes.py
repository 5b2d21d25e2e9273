"""CVEfixes (Bhandari, Naseer, Moonen 2021): methods before and after the commits that fix CVEs.

Layout: the published SQLite database `CVEfixes.db`, or a folder with it (`Data/CVEfixes.db` as well); the SQL dump is
turned into it by `sqlite3 CVEfixes.db < CVEfixes.sql`. Read are the tables `method_change`, `file_change`, `fixes` and
`cwe_classification`, the file opened read-only. A method of one file that stands in it once before and once after the
commit is a pair; a method removed by the fix is a vulnerable sample without twin, an added one a fixed sample without
twin. The option `language` keeps one programming language (as in "C" or "Python"). Groups: commit and CVE.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from vulnscope.corpora.code.text import RowError, decode, name_language
from vulnscope.corpora.corpus import Corpus
from vulnscope.corpora.samples import Origin, Sample
from vulnscope.corpora.tables.assembly import Row, read_row
from vulnscope.corpora.tables.folders import wrong_layout
from vulnscope.corpora.tables.layout import Layout
from vulnscope.corpora.tables.targets import read_target
from vulnscope.cwe import parse_cwes
from vulnscope.errors import CorruptData

NAME = "cvefixes"
LICENCE = "CC-BY-4.0 (code under the licences of its projects)"
EXPECTED = "the SQLite database CVEfixes.db, or a folder with it"
PLACES = ("CVEfixes.db", "Data/CVEfixes.db")
COLUMNS = {
    "method_change": ("method_change_id", "file_change_id", "name", "signature", "code", "before_change"),
    "file_change": ("file_change_id", "hash", "filename", "programming_language"),
    "fixes": ("cve_id", "hash", "repo_url"),
    "cwe_classification": ("cve_id", "cwe_id"),
}

_METHODS = """
    SELECT m.method_change_id, m.file_change_id, m.name, m.signature, m.code, m.before_change,
           f.hash, f.filename, f.programming_language
    FROM method_change m LEFT JOIN file_change f ON f.file_change_id = m.file_change_id
    WHERE ?1 = '' OR lower(f.programming_language) = lower(?1)
    ORDER BY m.rowid
"""
_FIXES = "SELECT f.hash, f.repo_url, f.cve_id, c.cwe_id FROM fixes f LEFT JOIN cwe_classification c USING (cve_id)"


class _Method(NamedTuple):
    """One row of `method_change` with its file; any cell may be missing, text is still bytes."""

    id: Any
    file_id: Any
    name: Any
    signature: Any
    code: Any
    before_change: Any
    commit: Any
    path: Any
    language: Any

    @property
    def key(self) -> tuple[Any, ...]:
        """What the two sides of a pair share."""
        return self.file_id, self.name, self.signature

    def require(self, column: str) -> str:
        text = _text(getattr(self, column))
        if not text:
            raise RowError(f"column {column!r} is missing or empty")
        return text


class _Fix(NamedTuple):
    """What a commit fixes."""

    cves: dict[str, None]
    cwes: dict[str, None]
    project: str | None


def load_cvefixes(data_dir: Path | None = None, *, skip_bad: bool = False, language: str = "") -> Corpus:
    """CVEfixes: methods before and after CVE fixes, from its SQLite database (CC-BY-4.0); option language=C."""
    layout = Layout(NAME, EXPECTED, rows=f"rows in method_change{f' of language {language}' if language else ''}")
    return layout.load(data_dir, partial(_read, language), skip_bad=skip_bad, options={"language": language})


def _read(language: str, root: Path) -> list[Row]:
    path = root if root.is_file() else next((root / place for place in PLACES if (root / place).is_file()), None)
    if path is None:
        raise wrong_layout(NAME, root, EXPECTED)
    try:
        return _read_database(path, language)
    except sqlite3.DatabaseError as error:
        raise CorruptData(f"corpus {NAME!r}: {path} is not a whole SQLite database: {error}; get it again") from error


def _read_database(path: Path, language: str) -> list[Row]:
    with closing(sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1", uri=True)) as database:
        database.text_factory = bytes  # text that is no UTF-8 is blamed on its row
        _check_columns(database, path)
        fixes = _read_fixes(database)
        methods = [_Method(*cells) for cells in database.execute(_METHODS, (language,))]
    return list(_make_rows(methods, fixes))


def _check_columns(database: sqlite3.Connection, path: Path) -> None:
    for table, columns in COLUMNS.items():
        found = {decode(row[1]) for row in database.execute(f"PRAGMA table_info({table})")}
        if missing := [column for column in columns if column not in found]:
            needed = f"a table {table} with the columns {', '.join(columns)}; missing: {', '.join(missing)}"
            raise wrong_layout(NAME, path, needed)


def _read_fixes(database: sqlite3.Connection) -> dict[Any, _Fix]:
    fixes: dict[Any, _Fix] = {}
    for commit, url, cve, cwe in database.execute(_FIXES):
        fix = fixes.setdefault(commit, _Fix({}, {}, _text(url)))
        fix.cves.update({text: None for text in [_text(cve)] if text})
        fix.cwes.update({text: None for text in [_text(cwe)] if text})
    return fixes


def _make_rows(methods: Sequence[_Method], fixes: dict[Any, _Fix]) -> Iterator[Row]:
    sides = Counter((method.key, method.before_change) for method in methods)
    for number, method in enumerate(methods, start=1):
        is_paired = all(sides[method.key, side] == 1 for side in (b"True", b"False"))
        yield read_row("method_change", number, partial(_read_method, method, is_paired, fixes))


def _read_method(method: _Method, is_paired: bool, fixes: dict[Any, _Fix]) -> tuple[Sample]:
    if method.commit is None:
        raise RowError(f"file_change_id {_text(method.file_id)!r} is not in file_change")
    commit, fix = method.require("commit"), fixes.get(method.commit)
    if fix is None:
        raise RowError(f"commit {commit!r} is not in fixes")
    path = _text(method.path) or ""
    sample = Sample(
        id=method.require("id"),
        corpus=NAME,
        language=name_language(_text(method.language) or ""),
        cwes=parse_cwes(fix.cwes),
        # before_change is True for the code that the fix replaced.
        label=read_target(method.require("before_change")),
        code=method.require("code"),
        pair_id="/".join(_text(part) or "" for part in method.key) if is_paired else None,
        group_keys=(f"commit:{commit}", *(f"cve:{cve}" for cve in fix.cves)),
        origin=Origin(project=fix.project, cve=next(iter(fix.cves), None), commit=commit, path=path),
        licence=LICENCE,
    )
    return (sample,)


def _text(cell: Any) -> str | None:
    if isinstance(cell, bytes):
        return decode(cell)
    return None if cell is None else str(cell)
