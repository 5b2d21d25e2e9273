"""Juliet C/C++ 1.3 (NIST SARD): small test cases with a flawed function and its repaired versions.

Layout: a checkout with `testcases/CWE*/**/*.{c,cpp}`, or a JSONL table with `id`, `cwe`, `lang`, `path`, `bad` and
`good`. In a file, what stands under `#ifndef OMITBAD` is the vulnerable twin and what stands under `#ifndef OMITGOOD`
the fixed one. The option `flow` keeps one flow variant, "01" (the plain one) by default, "" for all; variants that
spread over several files have only one side in a file and are reported. Groups: the functional variant with all its
flows.

Names and comments state the answer ("bad", "FLAW", the CWE's name): `vulnscope corpus check juliet` shows how much.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from vulnscope.corpora.code.text import RowError, language_of, name_language, read_text
from vulnscope.corpora.corpus import Corpus
from vulnscope.corpora.samples import Origin, Sample, add_twin
from vulnscope.corpora.tables.assembly import Row, read_row
from vulnscope.corpora.tables.cells import Cells
from vulnscope.corpora.tables.folders import walk_files
from vulnscope.corpora.tables.layout import Layout
from vulnscope.corpora.tables.tables import read_rows
from vulnscope.cwe import normalise_cwe

NAME = "juliet"
LICENCE = "public domain (NIST)"
EXPECTED = "a checkout with testcases/CWE*/, or a .jsonl table with id, cwe, lang, bad and good"

_NAME = re.compile(r"(?P<variant>CWE(?P<cwe>\d+)_.+?)_(?P<flow>\d\d)[a-e]?\.(?:c|cpp)")


class _Case(NamedTuple):
    """The name of a test case, read."""

    variant: str
    cwe: str
    flow: str


def load_juliet(data_dir: Path | None = None, *, skip_bad: bool = False, flow: str = "01") -> Corpus:
    """Juliet C/C++ 1.3: synthetic flawed and repaired functions of NIST (public domain); option flow=01."""
    layout = Layout(NAME, EXPECTED, rows=f"{EXPECTED}, with test cases of flow {flow!r}" if flow else "")
    return layout.load(data_dir, partial(_read, flow), skip_bad=skip_bad, options={"flow": flow})


def _read(flow: str, root: Path) -> list[Row]:
    return list(_read_checkout(root, flow)) or list(_read_tables(root, flow))


def _read_checkout(root: Path, flow: str) -> Iterator[Row]:
    for path, name in walk_files(root):
        match = _NAME.fullmatch(path.name)
        if match is not None and (not flow or match["flow"] == flow):
            yield read_row(name, None, partial(_read_file, path, name))


def _read_file(path: Path, name: str) -> tuple[Sample, ...]:
    text = read_text(path)
    bad, good = _cut_side(text, "OMITBAD"), _cut_side(text, "OMITGOOD")
    return _make_twins(path.name, language_of(path.suffix), bad, good, name)


def _cut_side(text: str, guard: str) -> str:
    """What stands between the first `#ifndef GUARD` and its `#endif /* GUARD */`; the second is in `main`."""
    match = re.search(rf"^#ifndef {guard}\b[^\n]*\n(.*?)^#endif /\* {guard} \*/", text, re.MULTILINE | re.DOTALL)
    if match is None:
        raise RowError(f"no whole part under #ifndef {guard}")
    return match[1]


def _read_tables(root: Path, flow: str) -> Iterator[Row]:
    for path, name in walk_files(root):
        if path.suffix == ".jsonl":
            rows = read_rows(path, name, _read_row)
            yield from (row for row in rows if not flow or all(_is_of(sample, flow) for sample in row.samples))


def _is_of(sample: Sample, flow: str) -> bool:
    return sample.part == f"flow {flow}"


def _read_row(row: Mapping[str, Any], name: str, line: int) -> tuple[Sample, ...]:
    cells = Cells(row, {})
    file = cells.require("id")
    twins = cells.require("bad"), cells.require("good")
    if cells.has("cwe") and normalise_cwe(cells.require("cwe")) != _read_name(file).cwe:
        raise RowError(f"cwe {cells.require('cwe')!r} is not that of the name {file!r}")
    return _make_twins(file, name_language(cells.require("lang")), *twins, f"{name}:{line}")


def _make_twins(file: str, language: str, bad: str, good: str, path: str) -> tuple[Sample, Sample]:
    case = _read_name(file)
    vulnerable = Sample(
        id=f"{file}/bad",
        corpus=NAME,
        language=language,
        cwes=(case.cwe,),
        label="vulnerable",
        code=bad,
        part=f"flow {case.flow}",
        pair_id=file,
        group_keys=(f"template:{case.variant}",),
        origin=Origin(project="Juliet", path=path),
        licence=LICENCE,
    )
    return add_twin(vulnerable, f"{file}/good", good)


def _read_name(file: str) -> _Case:
    match = _NAME.fullmatch(file)
    if match is None:
        raise RowError(f"{file!r} is not the name of a test case such as CWE121_Stack_Overflow__char_01.c")
    return _Case(match["variant"], normalise_cwe(match["cwe"]), match["flow"])
