"""Any table with a column map: JSONL, CSV or Parquet.

A row is one sample (columns `code` and `label`, twins share a `pair`) or one pair (columns `vulnerable` and `fixed`).
Options, from the command line as `--option KEY=VALUE`:

- `columns`: `code=func,label=target` reads the code from the column "func" and the label from "target";
  `vulnscope.corpora.tables.columns.ROLES` lists what can be mapped. A column named like its role needs no entry.
- `labels`: `1=vulnerable,0=fixed,?=unlabelled`; default `DEFAULT_LABELS`, in any case of letters.
- `label`, `language`, `cwe`, `licence`: one value for all rows that have none of their own.

`data_dir` is one file, or a folder of which all tables are read. Groups: pair, CVE, commit, and the column `group`.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from vulnscope.corpora.corpus import Corpus
from vulnscope.corpora.tables.assembly import Row
from vulnscope.corpora.tables.columns import DEFAULT_LABELS, ColumnPlan, plan_columns, read_mapped
from vulnscope.corpora.tables.folders import own_files
from vulnscope.corpora.tables.layout import Layout
from vulnscope.corpora.tables.tables import SUFFIXES
from vulnscope.errors import InputError

NAME = "table"
LAYOUT = Layout(NAME, f"a table ({', '.join(SUFFIXES)}), or a folder of tables")


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
    options = {"columns": columns, "labels": labels, "label": label, "language": language, "cwe": cwe}
    plan = plan_columns(NAME, licence=licence, **options)
    return LAYOUT.load(data_dir, partial(_read, plan), skip_bad=skip_bad, options=options)


def _read(plan: ColumnPlan, root: Path) -> list[Row]:
    paths = [path for path in own_files(root) if path.suffix.lower() in SUFFIXES]
    rows = [row for path in paths for row in read_mapped(path, path.name, plan)]
    if paths and not rows:
        raise InputError(f"corpus {NAME!r} is empty: no rows in {', '.join(str(path) for path in paths)}")
    return rows
