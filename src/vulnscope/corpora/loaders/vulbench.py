"""VulBench (Gao et al. 2023, "How Far Have We Gone in Vulnerability Detection Using Large Language Models").

Layout: a checkout of https://github.com/Hustcw/VulBench with `data/{big-vul,d2a,devign,magma,ctf}/ITEM/`, or a JSONL
table of the same items (`id`, `dataset`, `meta` and `code`, or `files` by name). A row is an item:

- big-vul, d2a, devign: one function, `src.c` with `meta_data.json`; `ID_before` and `ID_after` of big-vul are twins.
- magma: `src_vulnerable.c` and `src_fixed.c` are twins.
- ctf: every decompiled function of a program is a sample with its own label; a program without them is one sample.

Versions decompiled or renamed by hand are passed over. The publisher's types are mapped to CWEs by `TYPES`; a function
without vulnerability has no CWE. Groups: the item.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from vulnscope.corpora.code.text import RowError, read_text
from vulnscope.corpora.corpus import Corpus
from vulnscope.corpora.samples import Label, Origin, Sample, add_twin
from vulnscope.corpora.tables.assembly import Row, read_row
from vulnscope.corpora.tables.folders import subfolders, walk_files
from vulnscope.corpora.tables.layout import Layout
from vulnscope.corpora.tables.tables import read_table

NAME = "vulbench"
LICENCE = "MIT (code under the licences of its projects)"
LAYOUT = Layout(NAME, "a checkout of https://github.com/Hustcw/VulBench with data/, or a .jsonl table of its items")
SUBSETS = ("big-vul", "d2a", "devign", "magma", "ctf")
TYPES: dict[str, str] = {
    "Buffer-Overflow": "CWE-119",
    "Divede-by-Zero": "CWE-369",  # the publisher's spelling
    "Divide-by-Zero": "CWE-369",
    "Double-Free": "CWE-415",
    "Format-String-Vulnerability": "CWE-134",
    "Improper-Access-Control": "CWE-284",
    "Integer-Overflow": "CWE-190",
    "Lack-Sanity-Check": "CWE-20",
    "Lack-of-Error-Handling": "CWE-755",
    "Math-Error": "CWE-682",
    "Memory-Leak": "CWE-401",
    "Null-Pointer-Dereference": "CWE-476",
    "Race-Condition": "CWE-362",
    "Resource-Exhaustion-Error": "CWE-400",
    "Type-Confusion": "CWE-843",
    "Use-After-Free": "CWE-416",
}
"""CWE by the publisher's vulnerability type."""


class _Meta(BaseModel):
    model_config = ConfigDict(extra="ignore")

    vulnerable: bool | None = None
    vulnerability_type: tuple[str, ...] = ()
    root_cause: str | None = None


class _Item(NamedTuple):
    """One item with its files by name; the code of a single function is `src.c`."""

    subset: str
    id: str
    files: Mapping[str, str]
    path: str

    def meta(self, folder: str = "") -> _Meta:
        name = f"{folder}meta_data.json"
        try:
            return _Meta.model_validate(json.loads(self.files[name])) if name in self.files else _Meta()
        except (json.JSONDecodeError, RecursionError) as error:
            raise RowError(f"its {name} is not JSON that can be read: {error}") from error

    def take(self, name: str) -> str:
        if name not in self.files:
            raise RowError(f"no file {name!r}; there are: {', '.join(sorted(self.files)[:8])}")
        return self.files[name]


def load_vulbench(data_dir: Path | None = None, *, skip_bad: bool = False) -> Corpus:
    """VulBench: C functions of five hand-checked sources, some in pairs, CTF programs decompiled (MIT)."""
    return LAYOUT.load(data_dir, _read, skip_bad=skip_bad)


def _read(root: Path) -> Iterator[Row]:
    return _share_cwes(list(_read_checkout(root)) or list(_read_tables(root)))


def _share_cwes(rows: list[Row]) -> Iterator[Row]:
    """The fixed twin of big-vul speaks of no vulnerability; it takes the CWEs of the other."""
    samples = [sample for row in rows for sample in row.samples if sample.pair_id is not None]
    cwes = {sample.pair_id: sample.cwes for sample in samples if sample.label == "vulnerable"}
    for row in rows:
        shared = (sample.model_copy(update={"cwes": cwes.get(sample.pair_id, sample.cwes)}) for sample in row.samples)
        yield row._replace(samples=tuple(shared))


def _read_checkout(root: Path) -> Iterator[Row]:
    data = root / "data" if (root / "data").is_dir() else root
    for subset in SUBSETS:
        for folder in subfolders(data / subset):
            yield read_row(f"{subset}/{folder.name}", None, partial(_read_folder, subset, folder))


def _read_folder(subset: str, folder: Path) -> tuple[Sample, ...]:
    texts = {name: read_text(path) for path, name in walk_files(folder) if path.suffix in (".c", ".json")}
    return _read_item(_Item(subset, folder.name, texts, f"{subset}/{folder.name}"))


def _read_tables(root: Path) -> Iterator[Row]:
    for path, name in walk_files(root):
        if path.suffix == ".jsonl":
            for row in read_table(path):
                yield read_row(name, row.line, partial(_read_line, row.parse, f"{name}:{row.line}"))


def _read_line(parse: Callable[[], Mapping[str, Any]], place: str) -> tuple[Sample, ...]:
    row = parse()
    if missing := [key for key in ("id", "dataset") if not isinstance(row.get(key), str)]:
        raise RowError(f"column {missing[0]!r} is missing; there are: {', '.join(row)}")
    texts = row.get("files") or {"src.c": row.get("code"), "meta_data.json": json.dumps(row.get("meta") or {})}
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise RowError("column 'code' is missing, or 'files' holds something other than text")
    return _read_item(_Item(row["dataset"], row["id"], texts, place))


def _read_item(item: _Item) -> tuple[Sample, ...]:
    if item.subset not in SUBSETS:
        raise RowError(f"dataset {item.subset!r} is outside the set: {', '.join(SUBSETS)}")
    if item.subset == "magma":
        return _read_magma(item)
    return _read_program(item) if item.subset == "ctf" else _read_function(item)


def _read_function(item: _Item) -> tuple[Sample]:
    meta = item.meta()
    base, _, side = item.id.rpartition("_")
    is_twin = side in ("before", "after")
    # The checkout leaves out the meta data of what a fix has made harmless.
    is_vulnerable = False if meta.vulnerable is None and side == "after" else meta.vulnerable
    if is_vulnerable is None:
        raise RowError("label: its meta_data.json says neither vulnerable true nor false")
    if is_twin and is_vulnerable != (side == "before"):
        raise RowError(f"label: the code {side} the fix is called vulnerable: {str(is_vulnerable).lower()}")
    label: Label = "vulnerable" if is_vulnerable else "fixed"
    return (_make(item, "", label, item.take("src.c"), meta, f"{item.subset}/{base}" if is_twin else None),)


def _read_magma(item: _Item) -> tuple[Sample, Sample]:
    meta, pair_id = item.meta(), f"magma/{item.id}"
    vulnerable = _make(item, "/vulnerable", "vulnerable", item.take("src_vulnerable.c"), meta, pair_id)
    return add_twin(vulnerable, f"{pair_id}/fixed", item.take("src_fixed.c"))


def _read_program(item: _Item) -> tuple[Sample, ...]:
    program = item.meta()
    names = sorted(name for name in item.files if name.startswith("functions/") and name.endswith("/decompile.c"))
    if not names:
        return (_make(item, "", "vulnerable", item.take("full_context.c"), program, None),)
    return tuple(_read_decompiled(item, name, program) for name in names)


def _read_decompiled(item: _Item, name: str, program: _Meta) -> Sample:
    folder = name.removesuffix("decompile.c")
    is_vulnerable = item.meta(folder).vulnerable
    if is_vulnerable is None:
        raise RowError(f"label: {folder}meta_data.json says neither vulnerable true nor false")
    suffix, code = f"/{folder.split('/')[1]}", item.files[name]
    if is_vulnerable:
        return _make(item, suffix, "vulnerable", code, program, None)
    return _make(item, suffix, "fixed", code, _Meta(), None)


def _make(item: _Item, suffix: str, label: Label, code: str, meta: _Meta, pair_id: str | None) -> Sample:
    if unknown := [kind for kind in meta.vulnerability_type if kind not in TYPES]:
        raise RowError(f"unknown vulnerability type {unknown[0]!r}; known are: {', '.join(TYPES)}")
    return Sample(
        id=f"{item.subset}/{item.id}{suffix}",
        corpus=NAME,
        language="cpp" if "::" in code else "c",
        cwes=tuple(dict.fromkeys(TYPES[kind] for kind in meta.vulnerability_type)),
        label=label,
        code=code,
        part=item.subset,
        pair_id=pair_id,
        group_keys=(f"item:{pair_id or f'{item.subset}/{item.id}'}",),
        reason=meta.root_cause or None,
        origin=Origin(path=item.path),
        licence=LICENCE,
    )
