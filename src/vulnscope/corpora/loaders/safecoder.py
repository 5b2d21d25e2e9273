"""SafeCoder (He et al. 2024, "Instruction Tuning for Secure Code Generation").

Layout: a checkout of https://github.com/eth-sri/SafeCoder or its `data_train_val/` folder, with one JSON object per
line in `{train,val}/sec-*.jsonl`, in the layout of SVEN with an instruction beside each function. `sec-desc` is SVEN
itself with instructions, so its rows are near-duplicates of that corpus; `sec-new-desc` is new. The other files of the
folder (`lmsys`, `evol`) hold chat without labels and are walked past.
"""

from __future__ import annotations

from pathlib import Path

from vulnscope.corpora.corpus import Corpus
from vulnscope.corpora.tables.assembly import assemble
from vulnscope.corpora.tables.fixes import read_fixes
from vulnscope.corpora.tables.folders import files, find_root, wrong_layout

NAME = "safecoder"
LICENCE = "MIT"
SPLITS = ("train", "val")
EXPECTED = "a checkout of https://github.com/eth-sri/SafeCoder or its data_train_val/ folder, with train/ and val/"


def load_safecoder(data_dir: Path | None = None, *, skip_bad: bool = False) -> Corpus:
    """SafeCoder: functions of six languages before and after security fixes on GitHub (MIT)."""
    root = find_root(NAME, data_dir, SPLITS, "data_train_val", EXPECTED)
    paths = [
        path
        for split in SPLITS
        for path in files(root / split)
        if path.name.startswith("sec-") and path.suffix == ".jsonl"
    ]
    rows = [row for path in paths for row in read_fixes(NAME, LICENCE, root, path)]
    if not rows:
        raise wrong_layout(NAME, root, "lines in files such as train/sec-new-desc.jsonl")
    return assemble(NAME, rows, skip_bad=skip_bad)
