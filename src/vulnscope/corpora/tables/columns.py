"""A table of any layout as samples, under a map from columns to what they mean.

A row is one sample (columns `code` and `label`, twins share a `pair`) or one pair (columns `vulnerable` and `fixed`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import get_args

from vulnscope.corpora.code.text import RowError, name_language
from vulnscope.corpora.samples import Label, Origin, Sample, name_groups
from vulnscope.corpora.tables.assembly import Row, read_row
from vulnscope.corpora.tables.cells import Cells, split_words
from vulnscope.corpora.tables.tables import TableRow, read_table
from vulnscope.cwe import parse_cwes
from vulnscope.errors import InputError
from vulnscope.records.base import Record

ROLES: dict[str, str] = {
    "code": "the code of one sample",
    "label": "its label; see `labels`",
    "vulnerable": "the vulnerable code, where a row holds a pair",
    "fixed": "its fixed twin",
    "id": "id of the sample or pair; default FILE:LINE",
    "pair": "rows with the same value are twins",
    "cwe": "CWE identifiers, as text (several by comma) or list",
    "language": "c, cpp, python, ...",
    "reason": "reference explanation",
    "split": "train, val or test",
    "difficulty": "any word",
    "part": "section of the corpus",
    "project": "origin",
    "cve": "origin; groups",
    "commit": "origin; groups",
    "group": "rows with the same value are not independent",
}
DEFAULT_LABELS = (
    "vulnerable=vulnerable,fixed=fixed,unlabelled=unlabelled,1=vulnerable,0=fixed,true=vulnerable,false=fixed"
)


class ColumnPlan(Record):
    """How rows become samples: columns by role as asked for, labels by value, and defaults for all rows."""

    corpus: str
    columns: dict[str, str]
    labels: dict[str, Label]
    label: str
    language: str
    cwes: tuple[str, ...]
    licence: str
    split: str | None = None


def plan_columns(
    corpus: str,
    *,
    columns: str = "",
    labels: str = DEFAULT_LABELS,
    label: str = "",
    language: str = "unknown",
    cwe: str = "",
    licence: str = "unknown",
) -> ColumnPlan:
    """The plan that these options of the command line describe; raises `InputError` on what it cannot read."""
    return ColumnPlan(
        corpus=corpus,
        columns=_parse_columns(columns),
        labels=_parse_labels(labels),
        label=label,
        language=language,
        cwes=parse_cwes(split_words(cwe)),
        licence=licence,
    )


def read_mapped(path: Path, name: str, plan: ColumnPlan) -> Iterator[Row]:
    """Every row of a table under `plan`; `name` is the file's in messages and ids."""
    for row in read_table(path):
        yield read_row(name, row.line, partial(_read_samples, name, plan, row))


def _read_samples(name: str, plan: ColumnPlan, row: TableRow) -> tuple[Sample, ...]:
    cells = Cells(row.parse(), plan.columns)
    own = cells.text("id") or f"{_stem(name)}:{row.line}"
    frame = _make_frame(name, plan, row, cells)
    if cells.has("vulnerable") and cells.has("fixed"):
        return tuple(
            _complete(frame, id=f"{own}/{label}", label=label, code=cells.require(label), pair_id=own)
            for label in ("vulnerable", "fixed")
        )
    label, code = _read_label(plan, cells), cells.require("code")
    return (_complete(frame, id=own, label=label, code=code, pair_id=cells.text("pair")),)


def _stem(name: str) -> str:
    """A file's name without what says its format."""
    folder, _, file = name.rpartition("/")
    return f"{folder}/{file.partition('.')[0]}" if folder else file.partition(".")[0]


def _complete(frame: Sample, **fields: str | None) -> Sample:
    return frame.model_copy(update=fields)


def _make_frame(name: str, plan: ColumnPlan, row: TableRow, cells: Cells) -> Sample:
    """What does not depend on the twin."""
    origin = {key: cells.text(key) for key in ("project", "cve", "commit")}
    return Sample(
        id=f"{_stem(name)}:{row.line}",
        corpus=plan.corpus,
        language=name_language(cells.text("language") or plan.language),
        cwes=parse_cwes(cells.words("cwe")) or plan.cwes,
        label="unlabelled",
        code="",
        part=cells.text("part"),
        group_keys=name_groups(cve=origin["cve"], commit=origin["commit"], set=cells.text("group")),
        split=cells.text("split") or plan.split,
        difficulty=cells.text("difficulty"),
        reason=cells.text("reason"),
        origin=Origin(**origin, path=f"{name}:{row.line}"),
        licence=plan.licence,
    )


def _read_label(plan: ColumnPlan, cells: Cells) -> Label:
    value = cells.text("label") or plan.label or cells.require("label")
    label = plan.labels.get(value.strip().lower())
    if label is None:
        raise RowError(
            f"label {value!r} is outside the set: {', '.join(plan.labels)}; map others with labels=VALUE=LABEL"
        )
    return label


def _parse_columns(text: str) -> dict[str, str]:
    columns = _parse_map("columns", text)
    if unknown := [role for role in columns if role not in ROLES]:
        raise InputError(f"columns: unknown role {unknown[0]!r}; choose from: {', '.join(ROLES)}")
    return columns


def _parse_labels(text: str) -> dict[str, str]:
    labels = {value.lower(): label for value, label in _parse_map("labels", text).items()}
    allowed = get_args(Label)
    if wrong := [label for label in labels.values() if label not in allowed]:
        raise InputError(f"labels: {wrong[0]!r} is no label; choose from: {', '.join(allowed)}")
    return labels


def _parse_map(option: str, text: str) -> dict[str, str]:
    """`"a=b,c=d"` as a map."""
    parsed = {}
    for entry in filter(None, text.split(",")):
        key, separator, value = (part.strip() for part in entry.partition("="))
        if not (key and separator and value):
            raise InputError(f"{option}: {entry!r} is not of the form NAME=VALUE; several are separated by commas")
        parsed[key] = value
    return parsed
