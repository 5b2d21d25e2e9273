"""SafeCoder (He et al. 2024, "Instruction Tuning for Secure Code Generation").

Layout: a checkout of https://github.com/eth-sri/SafeCoder or its `data_train_val/` folder, with one JSON object per
line in `{train,val}/sec-*.jsonl`, in the layout of SVEN with an instruction beside each function. `sec-desc` is SVEN
itself with instructions, so its rows are near-duplicates of that corpus; `sec-new-desc` is new. The other files of the
folder (`lmsys`, `evol`) hold chat without labels and are walked past.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from vulnscope.corpora.corpus import Corpus
from vulnscope.corpora.tables.fixes import lay_out, read_fixes

NAME = "safecoder"
LICENCE = "MIT"
EXPECTED = "a checkout of https://github.com/eth-sri/SafeCoder or its data_train_val/ folder, with train/ and val/"


def load_safecoder(data_dir: Path | None = None, *, skip_bad: bool = False) -> Corpus:
    """SafeCoder: functions of six languages before and after security fixes on GitHub (MIT)."""
    layout = lay_out(NAME, EXPECTED, "train/sec-new-desc.jsonl")
    return layout.load(data_dir, partial(read_fixes, NAME, LICENCE, prefix="sec-"), skip_bad=skip_bad)
