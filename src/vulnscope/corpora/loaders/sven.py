"""SVEN (He & Vechev 2023, "Large Language Models for Code: Security Hardening and Adversarial Testing").

Layout: a checkout of https://github.com/eth-sri/sven or its `data_train_val/` folder, with one JSON object per line in
`{train,val}/cwe-*.jsonl`; each line is a function before and after the fix of one commit.

Changed lines are the publisher's where they name lines that are there, else by diff. Groups: one per commit, of which
several stand on both sides of the published split (`split_as_published` mends that); exact and near copies, mostly
of forks, join commits. The few pairs whose twins are equal, because the fix changed white space only or lies outside
the function, keep their labels and carry a note.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict

from vulnscope.corpora.assembly import Row, assemble, read_row
from vulnscope.corpora.diff import TwinLines, changed_lines
from vulnscope.corpora.folders import files, find_root, wrong_layout
from vulnscope.corpora.jsonl import parse_object, read_json_lines
from vulnscope.corpora.samples import Corpus, Origin, Sample
from vulnscope.corpora.text import language_of, split_lines
from vulnscope.cwe import normalise_cwe

NAME = "sven"
LICENCE = "MIT"
SPLITS = ("train", "val")
EXPECTED = "a checkout of https://github.com/eth-sri/sven or its data_train_val/ folder, with train/ and val/"
EQUAL_TWINS = "twins: both sides are equal, so no label can be told from the code"

_COMMIT = re.compile(r"(?:https?://)?github\.com/(?P<project>[^/]+/[^/]+)/commit/(?P<commit>[0-9a-f]{7,40})")


class _Change(BaseModel):
    line_no: int
    line: str


class _LineChanges(BaseModel):
    deleted: tuple[_Change, ...]
    added: tuple[_Change, ...]


class _Function(BaseModel):
    """One line of the published files; fields that are not needed are passed over."""

    model_config = ConfigDict(strict=False, extra="ignore")

    func_src_before: str
    func_src_after: str
    line_changes: _LineChanges
    commit_link: str
    file_name: str
    vul_type: str


def load_sven(data_dir: Path | None = None, *, skip_bad: bool = False) -> Corpus:
    """SVEN: functions of C, C++ and Python before and after security fixes on GitHub (MIT)."""
    root = find_root(NAME, data_dir, SPLITS, "data_train_val", EXPECTED)
    paths = [path for split in SPLITS for path in files(root / split) if path.suffix == ".jsonl"]
    rows = [row for path in paths for row in _read_file(root, path)]
    if not rows:
        raise wrong_layout(NAME, root, "lines in files such as train/cwe-089.jsonl")
    return assemble(NAME, rows, skip_bad=skip_bad)


def _read_file(root: Path, path: Path) -> Iterator[Row]:
    name = path.relative_to(root).as_posix()
    for number, line, position in read_json_lines(path):
        yield read_row(name, number, partial(_read_pair, name, number, line, position))


def _read_pair(name: str, number: int, line: bytes, position: int) -> tuple[Sample, Sample]:
    function = _Function.model_validate(parse_object(line, position))
    split, _, stem = name.removesuffix(".jsonl").partition("/")
    pair_id = f"{split}/{stem}/{number}"
    lines = _changed_lines(function)
    project, commit = _read_commit(function.commit_link)
    vulnerable = Sample(
        id=f"{pair_id}/vulnerable",
        corpus=NAME,
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
        licence=LICENCE,
    )
    fixed = {
        "id": f"{pair_id}/fixed",
        "label": "fixed",
        "code": function.func_src_after,
        "changed_lines": lines.after,
    }
    return vulnerable, vulnerable.model_copy(update=fixed)


def _changed_lines(function: _Function) -> TwinLines:
    before, after, changes = function.func_src_before, function.func_src_after, function.line_changes
    if before != after and _are_there(before, changes.deleted) and _are_there(after, changes.added):
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
