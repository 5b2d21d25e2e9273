"""What an audit finds where, and what a finished one gives back."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vulnscope.audit.config import AuditConfig, AuditRequest
from vulnscope.corpora import Corpus, default_data_dir
from vulnscope.errors import InputError, MissingPrerequisite
from vulnscope.kinds.kind import Finished
from vulnscope.records.answers import Row, read_row
from vulnscope.records.audit import AuditRecord

if TYPE_CHECKING:
    import pandas

    from vulnscope.corpora.cwe.weaknesses import Weaknesses
    from vulnscope.kinds.context import Context
    from vulnscope.store import StoredRun


@dataclass(frozen=True)
class AuditResult(Finished[AuditRecord]):
    """A finished audit: its record, its rows about the corpus, the corpus, and the folder they lie in."""

    rows: tuple[Row, ...]
    corpus: Corpus

    @classmethod
    def complete(cls, context: Context[AuditConfig], done: Finished[AuditRecord]) -> AuditResult:
        """What was finished, with its rows and its corpus."""
        return cls(done.record, done.folder, read_corpus_rows(context.run, context.corpus), context.corpus)

    def to_rows(self) -> list[dict[str, Any]]:
        """One flat dict per sample: margins in nats, positive towards vulnerable."""
        samples = {sample.id: sample for sample in self.corpus.samples}
        return [
            {
                "sample": row.sample,
                "label": samples[row.sample].label,
                "pair": samples[row.sample].pair_id,
                "group": self.corpus.groups[row.sample],
                "cwe": " ".join(samples[row.sample].cwes),
                "language": samples[row.sample].language,
                "difficulty": samples[row.sample].difficulty,
                "says": row.says,
                "margin": row.margin,
                "acquiescence": row.acquiescence,
                "mean_margin": row.mean_margin,
                "n_prompt_tokens": row.n_prompt_tokens,
                "cut": row.cut.kind if row.cut else None,
            }
            for row in self.rows
        ]

    def to_frame(self) -> pandas.DataFrame:
        """`to_rows` as a pandas frame; raises `MissingPrerequisite` without the extra [tables]."""
        try:
            import pandas
        except ImportError as error:
            raise MissingPrerequisite("to_frame needs pandas: pip install 'vulnscope[tables]'") from error
        return pandas.DataFrame(self.to_rows())

    def export(self, path: str | Path) -> Path:
        """Write `to_rows` to a .csv or .parquet file (the latter needs the extra [tables]); returns the path."""
        path = Path(path)
        if path.suffix == ".csv":
            rows = self.to_rows()
            with path.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, fieldnames=list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
        elif path.suffix == ".parquet":
            self.to_frame().to_parquet(path, index=False)
        else:
            raise InputError(f"cannot export to {path.name!r}; choose a name that ends in .csv or .parquet")
        return path


def find_weaknesses(request: AuditRequest) -> Weaknesses | None:
    """The user's CWE catalogue, where it is known."""
    from vulnscope.ask.worded.protocols.which_cwe import CATALOGUE
    from vulnscope.corpora.cwe.weaknesses import load_weaknesses

    named = dict(request.audit.protocol_options).get("catalogue")
    folder = Path(named) if named else default_data_dir(CATALOGUE, os.environ)
    return None if folder is None else load_weaknesses(folder)


def folder_finder(request: AuditRequest) -> Callable[[str], Path | None]:
    """Where a data set lies: the corpus that is asked, else `$VULNSCOPE_DATA/NAME`."""

    def find(name: str) -> Path | None:
        if name == request.corpus.name and request.corpus.data_dir is not None:
            return Path(request.corpus.data_dir)
        return default_data_dir(name, os.environ)

    return find


def read_corpus_rows(run: StoredRun, corpus: Corpus) -> tuple[Row, ...]:
    """The rows of `run` about samples of `corpus`; those about ordinary functions are left where they are."""
    known = {sample.id for sample in corpus.samples}
    return tuple(run.read_rows(read_row, lambda row: row["sample"] in known))
