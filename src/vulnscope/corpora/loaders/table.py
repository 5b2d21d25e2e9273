"""Any table with a column map: JSONL, CSV or Parquet.

A row is one sample (columns `code` and `label`, twins share a `pair`) or one pair (columns `vulnerable` and `fixed`).
Options, from the command line as `--option KEY=VALUE`:

- `columns`: `code=func,label=target` reads the code from the column "func" and the label from "target"; `ROLES` lists
  what can be mapped. A column that is named like its role needs no entry.
- `labels`: `1=vulnerable,0=fixed,?=unlabelled`; default `DEFAULT_LABELS`, in any case of letters.
- `label`, `language`, `cwe`, `licence`: one value for all rows that have none of their own.

`data_dir` is one file, or a folder of which all tables are read. Groups: pair, CVE, commit, and the column `group`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import get_args

from vulnscope.corpora.assembly import Row, assemble, read_row
from vulnscope.corpora.cells import Cells, split_words
from vulnscope.corpora.folders import files, require_path, wrong_layout
from vulnscope.corpora.samples import Corpus, Label, Origin, Sample
from vulnscope.corpora.tables import SUFFIXES, TableRow, read_table
from vulnscope.corpora.text import RowError
from vulnscope.cwe import normalise_cwe
from vulnscope.errors import InputError
from vulnscope.records.base import Record

NAME = "table"
EXPECTED = f"a table ({', '.join(SUFFIXES)}), or a folder of tables"
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


class _Plan(Record):
    """How rows become samples: columns by role as asked for, labels by value, and defaults for all rows."""

    columns: dict[str, str]
    labels: dict[str, Label]
    label: str
    language: str
    cwes: tuple[str, ...]
    licence: str


def load_table(
    data_dir: Path | None = None,
    *,
    skip_bad: bool = False,
    columns: str = "",
    labels: str = DEFAULT_LABELS,
    label: str = "",
    language: str = "unknown",
    cwe: str = "",
    licence: str = "unknown",
) -> Corpus:
    """Your own table: JSONL, CSV or Parquet with a column map such as --option columns=code=func,label=target."""
    plan = _Plan(
        columns=_parse_columns(columns),
        labels=_parse_labels(labels),
        label=label,
        language=language,
        cwes=_parse_cwes(split_words(cwe)),
        licence=licence,
    )
    root = require_path(NAME, data_dir, EXPECTED)
    paths = [path for path in ([root] if root.is_file() else files(root)) if path.suffix.lower() in SUFFIXES]
    if not paths:
        raise wrong_layout(NAME, root, EXPECTED)
    rows = [row for path in paths for row in _read_file(path, plan)]
    if not rows:
        raise InputError(f"corpus {NAME!r} is empty: no rows in {', '.join(str(path) for path in paths)}")
    options = {"columns": columns, "labels": labels, "label": label, "language": language, "cwe": cwe}
    return assemble(NAME, rows, skip_bad=skip_bad, options=options)


def _read_file(path: Path, plan: _Plan) -> Iterator[Row]:
    for row in read_table(path):
        yield read_row(path.name, row.line, partial(_read_samples, path, plan, row))


def _read_samples(path: Path, plan: _Plan, row: TableRow) -> tuple[Sample, ...]:
    cells = Cells(row.parse(), plan.columns)
    name = cells.text("id") or f"{path.stem}:{row.line}"
    frame = _make_frame(path, plan, row, cells)
    if cells.has("vulnerable") and cells.has("fixed"):
        return tuple(
            _complete(frame, id=f"{name}/{label}", label=label, code=cells.require(label), pair_id=name)
            for label in ("vulnerable", "fixed")
        )
    label, code = _read_label(plan, cells), cells.require("code")
    return (_complete(frame, id=name, label=label, code=code, pair_id=cells.text("pair")),)


def _complete(frame: Sample, **fields: str | None) -> Sample:
    return frame.model_copy(update=fields)


def _make_frame(path: Path, plan: _Plan, row: TableRow, cells: Cells) -> Sample:
    """What does not depend on the twin."""
    origin = {key: cells.text(key) for key in ("project", "cve", "commit")}
    keys = {"cve": origin["cve"], "commit": origin["commit"], "set": cells.text("group")}
    return Sample(
        id=f"{path.stem}:{row.line}",
        corpus=NAME,
        language=(cells.text("language") or plan.language).lower(),
        cwes=_parse_cwes(cells.words("cwe")) or plan.cwes,
        label="unlabelled",
        code="",
        part=cells.text("part"),
        group_keys=tuple(f"{kind}:{value}" for kind, value in keys.items() if value),
        split=cells.text("split"),
        difficulty=cells.text("difficulty"),
        reason=cells.text("reason"),
        origin=Origin(**origin, path=f"{path.name}:{row.line}"),
        licence=plan.licence,
    )


def _read_label(plan: _Plan, cells: Cells) -> Label:
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


def _parse_cwes(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(normalise_cwe(word) for word in words))


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
