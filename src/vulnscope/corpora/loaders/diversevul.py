"""DiverseVul (Chen et al. 2023, "DiverseVul: A New Vulnerable Source Code Dataset for Deep Learning Based Detection").

Layout: the published `diversevul_20230702.json`, one JSON object per line with `func`, `target`, `cwe`, `project`,
`commit_id` and `message`; a folder with it, or the file itself (`.gz` as well). Single functions, no twins: a commit's
vulnerable functions stand beside all others of the same files. Groups: commit. Of the vulnerable labels only about
60 % hold according to later work, so figures on this corpus measure the labels as much as the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from vulnscope.corpora.corpus import Corpus
from vulnscope.corpora.samples import Origin, Sample, name_groups
from vulnscope.corpora.tables.cells import Cells
from vulnscope.corpora.tables.layout import Layout
from vulnscope.corpora.tables.tables import is_table, read_files
from vulnscope.corpora.tables.targets import read_target
from vulnscope.cwe import parse_cwes

NAME = "diversevul"
LICENCE = "not stated (code under the licences of its projects)"
LAYOUT = Layout(NAME, "a file diversevul_*.json with one JSON object per line, or a folder with it")


def load_diversevul(data_dir: Path | None = None, *, skip_bad: bool = False) -> Corpus:
    """DiverseVul: single C and C++ functions from security commits; labels are noisy."""
    read = partial(read_files, is_wanted=_is_part, build=_read_function)
    return LAYOUT.load(data_dir, read, skip_bad=skip_bad)


def _is_part(path: Path) -> bool:
    return path.name.startswith("diversevul") and "metadata" not in path.name and is_table(path)


def _read_function(row: Mapping[str, Any], name: str, line: int) -> tuple[Sample]:
    cells = Cells(row, {})
    commit = cells.text("commit_id")
    sample = Sample(
        id=f"{name.partition('.')[0]}/{line}",
        corpus=NAME,
        language="c",
        cwes=parse_cwes(cells.words("cwe")),
        label=read_target(cells.require("target")),
        code=cells.require("func"),
        group_keys=name_groups(commit=commit),
        origin=Origin(project=cells.text("project"), commit=commit, path=f"{name}:{line}"),
        licence=LICENCE,
    )
    return (sample,)
