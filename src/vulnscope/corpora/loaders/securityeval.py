"""SecurityEval (Siddiq & Santos 2022, "SecurityEval Dataset: Mining Vulnerability Examples").

Layout: a checkout of https://github.com/s2e-lab/SecurityEval or its `dataset.jsonl`, with `ID`, `Prompt` and
`Insecure_code`. Python only, vulnerable only, no twins: good for what a model generates, and for the hit rate on
vulnerable code. An ID such as `CWE-020_author_1.py` names CWE, source and number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vulnscope.corpora.code.text import RowError
from vulnscope.corpora.corpus import Corpus
from vulnscope.corpora.samples import Origin, Sample
from vulnscope.corpora.tables.assembly import Row
from vulnscope.corpora.tables.cells import Cells
from vulnscope.corpora.tables.layout import Layout
from vulnscope.corpora.tables.tables import read_rows
from vulnscope.cwe import normalise_cwe

NAME = "securityeval"
LICENCE = "not stated"
LAYOUT = Layout(NAME, "a checkout of https://github.com/s2e-lab/SecurityEval or its dataset.jsonl")

_ID = re.compile(r"(?P<cwe>[^_]+)_(?P<source>[A-Za-z]+)_(?P<number>\w+)\.py")


def load_securityeval(data_dir: Path | None = None, *, skip_bad: bool = False) -> Corpus:
    """SecurityEval: insecure Python for 69 CWEs, without twins."""
    return LAYOUT.load(data_dir, _read, skip_bad=skip_bad)


def _read(root: Path) -> Iterable[Row]:
    path = root if root.is_file() and root.suffix == ".jsonl" else root / "dataset.jsonl"
    return read_rows(path, path.name, _read_sample) if path.is_file() else ()


def _read_sample(row: Mapping[str, Any], name: str, line: int) -> tuple[Sample]:
    cells = Cells(row, {})
    match = _ID.fullmatch(cells.require("ID"))
    if match is None:
        raise RowError(f"ID {cells.require('ID')!r} is not of the form CWE-020_author_1.py")
    sample = Sample(
        id=cells.require("ID"),
        corpus=NAME,
        language="python",
        cwes=(normalise_cwe(match["cwe"]),),
        label="vulnerable",
        code=cells.require("Insecure_code"),
        part=match["source"],
        origin=Origin(path=f"{name}:{line}"),
        licence=LICENCE,
    )
    return (sample,)
