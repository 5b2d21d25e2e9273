"""CyberNative Code_Vulnerability_Security_DPO: pairs of answers to one programming task, written by a model.

Layout: a copy of the Hub dataset with `secure_programming_dpo.json` (one JSON object per line) or its Parquet form;
rows have `lang`, `vulnerability`, `question`, `chosen` (secure) and `rejected` (vulnerable). Code is what stands
between the fences of an answer, all blocks of it. The vulnerability is told in words, kept as the reason; there is no
CWE. Groups: rows with the same question. Code and labels are generated and unchecked: good for preference training,
weak for scoring.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from vulnscope.corpora.code.text import RowError, name_language
from vulnscope.corpora.corpus import Corpus
from vulnscope.corpora.samples import Origin, Sample, add_twin
from vulnscope.corpora.tables.cells import Cells
from vulnscope.corpora.tables.layout import Layout
from vulnscope.corpora.tables.tables import read_tables
from vulnscope.records.base import digest_text

NAME = "security-dpo"
LICENCE = "Apache-2.0"
LAYOUT = Layout(
    NAME,
    "secure_programming_dpo.json or another table with the columns lang, vulnerability, question, chosen, rejected",
)

_FENCE = re.compile(r"^[ \t]*```[^\n]*\n(.*?)^[ \t]*```[ \t]*$", re.MULTILINE | re.DOTALL)


def load_security_dpo(data_dir: Path | None = None, *, skip_bad: bool = False) -> Corpus:
    """CyberNative Security-DPO: generated secure and insecure answers in many languages (Apache-2.0)."""
    return LAYOUT.load(data_dir, partial(read_tables, build=_read_pair), skip_bad=skip_bad)


def _read_pair(row: Mapping[str, Any], name: str, line: int) -> tuple[Sample, Sample]:
    cells = Cells(row, {})
    pair_id = f"{name.partition('.')[0]}/{line}"
    vulnerable = Sample(
        id=f"{pair_id}/vulnerable",
        corpus=NAME,
        language=name_language(cells.require("lang")),
        label="vulnerable",
        code=take_code(cells.require("rejected"), "rejected"),
        pair_id=pair_id,
        group_keys=(f"question:{digest_text(cells.require('question'))}",),
        reason=cells.text("vulnerability"),
        origin=Origin(path=f"{name}:{line}"),
        licence=LICENCE,
    )
    return add_twin(vulnerable, f"{pair_id}/fixed", take_code(cells.require("chosen"), "chosen"))


def take_code(answer: str, column: str) -> str:
    """What stands between the fences of `answer`; all of it where it has none. An open fence is a `RowError`."""
    blocks: list[str] = _FENCE.findall(answer)
    if not blocks and "```" in answer:
        raise RowError(f"column {column!r}: the answer ends before its code block does")
    return "\n".join(blocks) if blocks else answer
