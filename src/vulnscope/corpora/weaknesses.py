"""The CWE catalogue of the user's own copy: names, definitions, and the research view CWE-1000 as a tree.

Read from `weaknesses.jsonl`, one weakness a line as https://github.com/CWE-CAPEC/REST-API-wg publishes them
(`json_repo/W`). A weakness may have several parents in CWE-1000.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from vulnscope.cwe import normalise_cwe
from vulnscope.errors import CorruptData, InputError
from vulnscope.records.answers import Match
from vulnscope.records.base import Record

FILE = "weaknesses.jsonl"
_VIEW = "1000"


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

    def _parents(self, cwe: str) -> tuple[str, ...]:
        entry = self.entries.get(cwe)
        return entry.parents if entry else ()


def load_weaknesses(folder: Path) -> Weaknesses:
    """The catalogue in `folder`; raises `InputError` where there is none, `CorruptData` naming the line."""
    path = folder if folder.is_file() else folder / FILE
    entries: dict[str, Weakness] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the CWE catalogue: {error}; it is a folder with {FILE}") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            entry = _read_line(path, number, line)
            entries[entry.cwe] = entry
    if not entries:
        raise InputError(f"{path} holds no weaknesses; it has one JSON object a line")
    return Weaknesses(entries=entries)


def _read_line(path: Path, number: int, line: str) -> Weakness:
    try:
        row: dict[str, Any] = json.loads(line)
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
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError, InputError) as error:
        raise CorruptData(f"{path}:{number}: not an entry of the CWE catalogue: {error!r}") from error
