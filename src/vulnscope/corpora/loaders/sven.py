"""SVEN (He & Vechev 2023, "Large Language Models for Code: Security Hardening and Adversarial Testing").

Layout: a checkout of https://github.com/eth-sri/sven or its `data_train_val/` folder, with one JSON object per line in
`{train,val}/cwe-*.jsonl`; each line is a function before and after the fix of one commit.

Changed lines are the publisher's where they name lines that are there, else by diff. Groups: one per commit, of which
several stand on both sides of the published split (`split_as_published` mends that); exact and near copies, mostly
of forks, join commits. The few pairs whose twins are equal, because the fix changed white space only or lies outside
the function, keep their labels and carry a note.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from vulnscope.corpora.corpus import Corpus
from vulnscope.corpora.tables.fixes import lay_out, read_fixes

NAME = "sven"
LICENCE = "MIT"
EXPECTED = "a checkout of https://github.com/eth-sri/sven or its data_train_val/ folder, with train/ and val/"


def load_sven(data_dir: Path | None = None, *, skip_bad: bool = False) -> Corpus:
    """SVEN: functions of C, C++ and Python before and after security fixes on GitHub (MIT)."""
    layout = lay_out(NAME, EXPECTED, "train/cwe-089.jsonl")
    return layout.load(data_dir, partial(read_fixes, NAME, LICENCE), skip_bad=skip_bad)
