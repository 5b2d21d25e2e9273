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

from pathlib import Path

from vulnscope.corpora.corpus import Corpus
from vulnscope.corpora.tables.assembly import assemble
from vulnscope.corpora.tables.columns import DEFAULT_LABELS, plan_columns, read_mapped
from vulnscope.corpora.tables.folders import files, require_path, wrong_layout
from vulnscope.corpora.tables.tables import SUFFIXES
from vulnscope.errors import InputError

NAME = "table"
EXPECTED = f"a table ({', '.join(SUFFIXES)}), or a folder of tables"


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
    root = require_path(NAME, data_dir, EXPECTED)
    paths = [path for path in ([root] if root.is_file() else files(root)) if path.suffix.lower() in SUFFIXES]
    if not paths:
        raise wrong_layout(NAME, root, EXPECTED)
    rows = [row for path in paths for row in read_mapped(path, path.name, plan)]
    if not rows:
        raise InputError(f"corpus {NAME!r} is empty: no rows in {', '.join(str(path) for path in paths)}")
    return assemble(NAME, rows, skip_bad=skip_bad, options=options)
