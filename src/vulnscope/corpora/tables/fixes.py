"""Rows in the layout of SVEN, which SafeCoder shares: one function before and after the fix of one commit.

Changed lines are the publisher's where they name lines that are there, else by diff. Groups: one per commit. The few
pairs whose twins are equal, because the fix changed white space only or lies outside the function, keep their labels
and carry a note.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict

from vulnscope.corpora.code.diff import TwinLines, changed_lines
from vulnscope.corpora.code.text import language_of, split_lines
from vulnscope.corpora.samples import Origin, Sample, add_twin
from vulnscope.corpora.tables.assembly import Row, read_row
from vulnscope.corpora.tables.folders import files
from vulnscope.corpora.tables.jsonl import parse_object, read_json_lines
from vulnscope.corpora.tables.layout import Layout
from vulnscope.cwe import normalise_cwe

SPLITS = ("train", "val")
EQUAL_TWINS = "twins: both sides are equal, so no label can be told from the code"

_COMMIT = re.compile(r"(?:https?://)?github\.com/(?P<project>[^/]+/[^/]+)/commit/(?P<commit>[0-9a-f]{7,40})")


class _Change(BaseModel):
    line_no: int
    line: str


class _LineChanges(BaseModel):
    deleted: tuple[_Change, ...] = ()
    added: tuple[_Change, ...] = ()


class _Function(BaseModel):
    """One line of the published files; fields that are not needed are passed over."""

    model_config = ConfigDict(strict=False, extra="ignore")

    func_src_before: str
    func_src_after: str
    line_changes: _LineChanges | None = None
    commit_link: str
    file_name: str
    vul_type: str


def lay_out(corpus: str, expected: str, example: str) -> Layout:
    """How it lies on disk: a folder for each split, in a checkout under `data_train_val`."""
    return Layout(corpus, expected, SPLITS, "data_train_val", f"lines in files such as {example}")


def read_fixes(corpus: str, licence: str, root: Path, prefix: str = "") -> Iterator[Row]:
    """Every line of the files `SPLIT/PREFIX*.jsonl` below `root` as a pair."""
    for split in SPLITS:
        for path in files(root / split):
            if path.name.startswith(prefix) and path.suffix == ".jsonl":
                yield from _read_file(corpus, licence, f"{split}/{path.name}", path)


def _read_file(corpus: str, licence: str, name: str, path: Path) -> Iterator[Row]:
    for number, line, position in read_json_lines(path):
        yield read_row(name, number, partial(_read_pair, corpus, licence, name, number, line, position))


def _read_pair(corpus: str, licence: str, name: str, number: int, line: bytes, position: int) -> tuple[Sample, Sample]:
    function = _Function.model_validate(parse_object(line, position))
    split, _, stem = name.removesuffix(".jsonl").partition("/")
    pair_id = f"{split}/{stem}/{number}"
    lines = _changed_lines(function)
    project, commit = _read_commit(function.commit_link)
    vulnerable = Sample(
        id=f"{pair_id}/vulnerable",
        corpus=corpus,
        language=language_of(PurePosixPath(function.file_name).suffix),
        cwes=(normalise_cwe(function.vul_type),),
        label="vulnerable",
        code=function.func_src_before,
        pair_id=pair_id,
        group_keys=(f"commit:{commit}",),
        split=split,
        changed_lines=lines.before,
        origin=Origin(project=project, commit=commit, path=f"{name}:{number}"),
        notes=(EQUAL_TWINS,) if function.func_src_before == function.func_src_after else (),
        licence=licence,
    )
    return add_twin(vulnerable, f"{pair_id}/fixed", function.func_src_after, lines.after)


def _changed_lines(function: _Function) -> TwinLines:
    before, after, changes = function.func_src_before, function.func_src_after, function.line_changes
    if changes is None or before == after:
        return changed_lines(before, after)
    if _are_there(before, changes.deleted) and _are_there(after, changes.added):
        return TwinLines(_numbers(changes.deleted), _numbers(changes.added))
    return changed_lines(before, after)


def _are_there(code: str, changes: tuple[_Change, ...]) -> bool:
    lines = split_lines(code)
    return all(
        1 <= change.line_no <= len(lines) and lines[change.line_no - 1] == change.line.rstrip("\r\n")
        for change in changes
    )


def _numbers(changes: tuple[_Change, ...]) -> tuple[int, ...]:
    return tuple(sorted({change.line_no for change in changes}))


def _read_commit(link: str) -> tuple[str | None, str]:
    """Project and commit of a link; queries and anchors do not make another commit, nor does a fork."""
    match = _COMMIT.match(link)
    return (match["project"], match["commit"]) if match else (None, link)
