"""PrimeVul (Ding et al. 2024, "Vulnerability Detection with Code Language Models: How Far Are We?").

Layout: the published JSONL files `primevul_{train,valid,test}.jsonl` (single functions) and
`primevul_{train,valid,test}_paired.jsonl`, in a folder or one of them alone. In the paired files lines 1 and 2 are a
pair, 3 and 4, and so on. The option `part` chooses: "paired" (default) or "single". Functions are C or C++, by the
suffix of their file where it is given. Groups: commit and CVE.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from vulnscope.corpora.code.text import language_of
from vulnscope.corpora.corpus import Corpus
from vulnscope.corpora.samples import Origin, Sample, name_groups
from vulnscope.corpora.tables.cells import Cells
from vulnscope.corpora.tables.layout import Layout
from vulnscope.corpora.tables.tables import name_split, read_files
from vulnscope.corpora.tables.targets import read_target
from vulnscope.cwe import parse_cwes

NAME = "primevul"
LICENCE = "MIT (code under the licences of its projects)"
LAYOUT = Layout(
    NAME, "files primevul_{train,valid,test}_paired.jsonl, or primevul_{train,valid,test}.jsonl with part=single"
)

Part = Literal["paired", "single"]


def load_primevul(data_dir: Path | None = None, *, skip_bad: bool = False, part: Part = "paired") -> Corpus:
    """PrimeVul: C and C++ functions of real projects, in pairs or single (MIT); option part=paired or part=single."""
    read = partial(read_files, is_wanted=partial(_is_of, part), build=partial(_read_function, part))
    return LAYOUT.load(data_dir, read, skip_bad=skip_bad, options={"part": part})


def _is_of(part: Part, path: Path) -> bool:
    name = path.name.lower()
    return name.startswith("primevul") and ".jsonl" in name and ("_paired" in name) == (part == "paired")


def _read_function(part: Part, row: Mapping[str, Any], name: str, line: int) -> tuple[Sample]:
    cells = Cells(row, {})
    stem = name.partition(".")[0]
    commit, cve = cells.text("commit_id"), cells.text("cve")
    cve = cve if cve is not None and cve.upper().startswith("CVE-") else None
    language = language_of(PurePosixPath(cells.text("file_name") or "").suffix)
    sample = Sample(
        id=f"{stem}/{line}",
        corpus=NAME,
        # Many rows name no file; C is what most of them are.
        language=language if language in ("c", "cpp") else "c",
        cwes=parse_cwes(cells.words("cwe")),
        label=read_target(cells.require("target")),
        code=cells.require("func"),
        part=part,
        pair_id=f"{stem}/pair-{(line + 1) // 2}" if part == "paired" else None,
        group_keys=name_groups(commit=commit, cve=cve),
        split=name_split(stem),
        origin=Origin(project=cells.text("project"), cve=cve, commit=commit, path=f"{name}:{line}"),
        licence=LICENCE,
    )
    return (sample,)
