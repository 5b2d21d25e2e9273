"""SVEN (He & Vechev 2023, "Large Language Models for Code: Security Hardening and Adversarial Testing").

Layout: a checkout of https://github.com/eth-sri/sven or its `data_train_val/` folder, with one JSON object per line in
`{train,val}/cwe-*.jsonl`; each line is a function before and after the fix of one commit.

Changed lines are the publisher's where they name lines that are there, else by diff. Groups: one per commit, of which
several stand on both sides of the published split (`split_as_published` mends that); exact and near copies, mostly
of forks, join commits. The few pairs whose twins are equal, because the fix changed white space only or lies outside
the function, keep their labels and carry a note.
"""

from __future__ import annotations

from pathlib import Path

from vulnscope.corpora.corpus import Corpus
from vulnscope.corpora.tables.assembly import assemble
from vulnscope.corpora.tables.fixes import read_fixes
from vulnscope.corpora.tables.folders import files, find_root, wrong_layout

NAME = "sven"
LICENCE = "MIT"
SPLITS = ("train", "val")
EXPECTED = "a checkout of https://github.com/eth-sri/sven or its data_train_val/ folder, with train/ and val/"


def load_sven(data_dir: Path | None = None, *, skip_bad: bool = False) -> Corpus:
    """SVEN: functions of C, C++ and Python before and after security fixes on GitHub (MIT)."""
    root = find_root(NAME, data_dir, SPLITS, "data_train_val", EXPECTED)
    paths = [path for split in SPLITS for path in files(root / split) if path.suffix == ".jsonl"]
    rows = [row for path in paths for row in read_fixes(NAME, LICENCE, root, path)]
    if not rows:
        raise wrong_layout(NAME, root, "lines in files such as train/cwe-089.jsonl")
    return assemble(NAME, rows, skip_bad=skip_bad)
