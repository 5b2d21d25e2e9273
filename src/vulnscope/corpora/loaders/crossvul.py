"""CrossVul (Nikitopoulos et al. 2021), in the rows of its Hub copies.

Layout: a folder with tables (`.parquet`, `.jsonl`, `.json`, `.csv`) whose rows have `vulnerable_code`, `fixed_code`,
`cwe_id`, `language` and `file_pair_id`: a whole file before and after a fix. A `file_pair_id` such as `1716_0` is file
0 of commit 1716; files of one commit are one group.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from vulnscope.corpora.code.text import name_language
from vulnscope.corpora.corpus import Corpus
from vulnscope.corpora.samples import Origin, Sample, add_twin
from vulnscope.corpora.tables.cells import Cells
from vulnscope.corpora.tables.layout import Layout
from vulnscope.corpora.tables.tables import name_split, read_tables
from vulnscope.cwe import parse_cwes

NAME = "crossvul"
LICENCE = "not stated (code under the licences of its projects)"
LAYOUT = Layout(NAME, "tables with the columns vulnerable_code, fixed_code, cwe_id, language and file_pair_id")


def load_crossvul(data_dir: Path | None = None, *, skip_bad: bool = False) -> Corpus:
    """CrossVul: whole files of many languages before and after security fixes, from its Hub rows."""
    return LAYOUT.load(data_dir, partial(read_tables, build=_read_pair), skip_bad=skip_bad)


def _read_pair(row: Mapping[str, Any], name: str, line: int) -> tuple[Sample, Sample]:
    cells = Cells(row, {})
    pair_id = cells.require("file_pair_id")
    commit = pair_id.partition("_")[0]
    vulnerable = Sample(
        id=f"{pair_id}/vulnerable",
        corpus=NAME,
        language=name_language(cells.text("language") or ""),
        cwes=parse_cwes(cells.words("cwe_id")),
        label="vulnerable",
        code=cells.require("vulnerable_code"),
        pair_id=pair_id,
        group_keys=(f"commit:{commit}",),
        split=name_split(name),
        origin=Origin(commit=commit, path=f"{name}:{line}"),
        licence=LICENCE,
    )
    return add_twin(vulnerable, f"{pair_id}/fixed", cells.require("fixed_code"))
