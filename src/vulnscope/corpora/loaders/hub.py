"""Any dataset of the Hugging Face Hub under a column map, from a local copy of its repository.

Layout: the dataset's folder with its tables in any depth (`data/train-00000-of-00001.parquet`, `train.jsonl`,
`test.csv`), such as `vulnscope corpus get hub --from OWNER/NAME` makes. A table whose name or folder says train,
validation, val, valid, dev or test gives its rows that split. Loading scripts and pickles are never run or read.
Options are those of `table`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from vulnscope.corpora.corpus import Corpus
from vulnscope.corpora.tables.assembly import Row
from vulnscope.corpora.tables.columns import DEFAULT_LABELS, ColumnPlan, plan_columns, read_mapped
from vulnscope.corpora.tables.layout import Layout
from vulnscope.corpora.tables.tables import find_tables, name_split

NAME = "hub"
LAYOUT = Layout(NAME, "a copy of a Hub dataset with tables (.parquet, .jsonl, .json, .csv) in it")


def load_hub(
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
    """Any Hub dataset from a local copy, with a column map as for `table`."""
    options = {"columns": columns, "labels": labels, "label": label, "language": language, "cwe": cwe}
    plan = plan_columns(NAME, licence=licence, **options)
    return LAYOUT.load(data_dir, partial(_read, plan), skip_bad=skip_bad, options=options)


def _read(plan: ColumnPlan, root: Path) -> Iterator[Row]:
    for path, name in find_tables(root):
        yield from read_mapped(path, name, plan.model_copy(update={"split": name_split(name)}))
