"""The CWE catalogue of the user's own copy: names, definitions, and the research view CWE-1000 as a tree.

Read from the XML of https://cwe.mitre.org/data/downloads.html (`cwec_v*.xml`, unpacked), from `weaknesses.jsonl`, one
weakness a line, or from the files of `json_repo/W/`, one weakness each, as https://github.com/CWE-CAPEC/REST-API-wg
publishes them. A weakness may have several parents in CWE-1000.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import Field

from vulnscope.corpora.code.text import RowError
from vulnscope.corpora.cwe.weakness_xml import read_weakness_xml
from vulnscope.corpora.tables.folders import files
from vulnscope.corpora.tables.tables import TableRow, read_table
from vulnscope.cwe import normalise_cwe
from vulnscope.errors import CorruptData, InputError
from vulnscope.records.answers import Match
from vulnscope.records.base import Record

FILE = "weaknesses.jsonl"
_VIEW = "1000"
_PUBLISHED = re.compile(r"cwec_.+\.xml")


class Weakness(Record):
    """One entry of the catalogue."""

    cwe: str
    name: str
    definition: str
    parents: tuple[str, ...] = Field(default=(), description="direct parents in CWE-1000")


class Weaknesses(Record):
    """The catalogue by CWE."""

    entries: Mapping[str, Weakness]

    def find(self, cwe: str) -> Weakness | None:
        """The entry, None where the catalogue has none."""
        return self.entries.get(cwe)

    def match(self, truths: Iterable[str], said: str | None) -> Match:
        """How `said` relates to the nearest of `truths`: itself, a direct parent or child of it, or neither."""
        labels = set(truths)
        if said is None:
            return "none"
        if said in labels:
            return "exact"
        if any(said in self._parents(label) for label in labels):
            return "parent"
        return "child" if labels.intersection(self._parents(said)) else "none"

    def covers(self, cwe: str, truths: Iterable[str]) -> bool:
        """Whether code with the weaknesses `truths` can be said to have `cwe`: one of them, an ancestor, or a child."""
        return any(self.match([label], cwe) != "none" or cwe in self._ancestors(label) for label in truths)

    def _ancestors(self, cwe: str) -> set[str]:
        found: set[str] = set()
        ahead = list(self._parents(cwe))
        while ahead:
            parent = ahead.pop()
            if parent not in found:
                found.add(parent)
                ahead.extend(self._parents(parent))
        return found

    def _parents(self, cwe: str) -> tuple[str, ...]:
        entry = self.entries.get(cwe)
        return entry.parents if entry else ()


def load_weaknesses(folder: Path) -> Weaknesses:
    """The catalogue in `folder`; raises `InputError` where there is none, `CorruptData` naming the line."""
    paths = find_catalogue(folder)
    if not paths:
        raise InputError(f"cannot read the CWE catalogue: {folder} has no {FILE}, no json_repo/W/ and no cwec_*.xml")
    entries: dict[str, Weakness] = {}
    for path in paths:
        for row in read_weaknesses(path):
            entry = _read_entry(path, row)
            if entry.cwe in entries:
                raise CorruptData(f"{path}:{row.line}: {entry.cwe} is in the catalogue twice")
            entries[entry.cwe] = entry
    if not entries:
        raise InputError(f"{paths[0]} holds no weaknesses")
    return Weaknesses(entries=entries)


def find_catalogue(root: Path) -> list[Path]:
    """The files that hold the weaknesses: `weaknesses.jsonl` alone, those of `json_repo/W/` by number, or one XML."""
    if root.is_file():
        return [root] if root.suffix in (".jsonl", ".json", ".xml") else []
    for folder in (root / "json_repo" / "W", root / "W", root):
        paths = files(folder) if folder.is_dir() else []
        if table := [path for path in paths if path.name == FILE]:
            return table
        if found := [path for path in paths if path.suffix == ".json" and path.stem.isdigit()]:
            return sorted(found, key=lambda path: int(path.stem))
    published = [path for path in files(root) if _PUBLISHED.fullmatch(path.name)] if root.is_dir() else []
    if len(published) > 1:
        raise InputError(f"{root} holds {len(published)} editions of the CWE catalogue; name one of the files")
    return published


def read_weaknesses(path: Path) -> Iterator[TableRow]:
    """A row per weakness, in the form of the JSON edition."""
    if path.suffix == ".xml":
        return read_weakness_xml(path)
    return (row._replace(parse=partial(_unwrap, row)) for row in read_table(path))


def _unwrap(row: TableRow) -> Mapping[str, Any]:
    """The weakness of a row; a file of `json_repo/W` may hold its one in a list."""
    cells = row.parse()
    inner = cells.get("Weaknesses")
    return inner[0] if isinstance(inner, list) and inner and isinstance(inner[0], dict) else cells


def _read_entry(path: Path, table_row: TableRow) -> Weakness:
    try:
        row = table_row.parse()
        related = row.get("RelatedWeaknesses") or []
        return Weakness(
            cwe=normalise_cwe(str(row["ID"])),
            name=str(row["Name"]),
            definition=str(row["Description"]),
            parents=tuple(
                dict.fromkeys(
                    normalise_cwe(str(other["CweID"]))
                    for other in related
                    if other["Nature"] == "ChildOf" and str(other["ViewID"]) == _VIEW
                )
            ),
        )
    except (RowError, ValueError, KeyError, TypeError, AttributeError, InputError) as error:
        raise CorruptData(f"{path}:{table_row.line}: not an entry of the CWE catalogue: {error!r}") from error
