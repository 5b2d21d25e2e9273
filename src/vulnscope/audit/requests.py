"""What an audit is asked to do, as it is stored in its run, and what a finished one gives back."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from vulnscope.audit.config import AuditConfig
from vulnscope.corpora import Corpus, default_data_dir
from vulnscope.corpora import load_corpus as _load_corpus
from vulnscope.errors import InputError, MissingPrerequisite
from vulnscope.models.remote.settings import EndpointSpec
from vulnscope.records.answers import Row, read_row
from vulnscope.records.audit import AuditRecord
from vulnscope.records.base import Record

if TYPE_CHECKING:
    import pandas

    from vulnscope.corpora.cwe.weaknesses import Weaknesses
    from vulnscope.store import StoredRun


class SubjectRequest(Record):
    """Which model to open and how."""

    name: str = Field(description="Hub id, local folder, or 'organism'")
    revision: str | None = Field(default=None, description="branch, tag or commit of a Hub model")
    dtype: str = Field(default="auto", description="auto | float32 | bfloat16 | float16")
    device: str = Field(default="auto", description="auto | cpu | cuda | cuda:1 | mps")
    quantize: str | None = Field(default=None, description="nf4, or None")
    adapter: str | None = Field(default=None, description="folder or Hub id of a PEFT adapter")
    trust_remote_code: bool = Field(default=False, description="run code that comes with the model")
    layers_path: str | None = Field(default=None, description="path of the decoder layers where the rule cannot decide")
    endpoint: EndpointSpec | None = Field(default=None, description="where the model answers, instead of here")

    def local_options(self) -> dict[str, Any]:
        """Everything `open_subject` takes; raises `InputError` for a model behind an endpoint."""
        if self.endpoint is not None:
            raise InputError(f"{self.name} answers behind {self.endpoint.url}; its weights cannot be opened here")
        return self.model_dump(exclude={"endpoint"})


class CorpusRequest(Record):
    """Which corpus to load and how."""

    name: str = Field(description="a registered corpus")
    data_dir: str | None = Field(default=None, description="its folder or file, in the published layout")
    skip_bad: bool = Field(default=False, description="leave malformed rows out, counted and listed")
    options: tuple[tuple[str, str], ...] = Field(default=(), description="loader options, e.g. a column map")


class AuditRequest(Record):
    """Everything an audit is asked to do; stored in the run, so that `resume_audit` needs only the run."""

    subject: SubjectRequest
    corpus: CorpusRequest
    audit: AuditConfig = AuditConfig()


@dataclass(frozen=True)
class AuditResult:
    """A finished audit: its record, its rows about the corpus, the corpus, and the folder they lie in."""

    record: AuditRecord
    rows: tuple[Row, ...]
    corpus: Corpus
    folder: Path

    @property
    def report(self) -> Path:
        """Path of the HTML report."""
        return self.folder / "report.html"

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


def load_corpus(name: str, data_dir: str | Path | None = None, *, skip_bad: bool = False, **options: Any) -> Corpus:
    """The corpus `name`, from `data_dir` or `$VULNSCOPE_DATA/NAME`; options are the loader's own."""
    found = Path(data_dir) if data_dir is not None else default_data_dir(name, os.environ)
    return _load_corpus(name, found, skip_bad=skip_bad, **options)


def load_requested(request: CorpusRequest) -> Corpus:
    """The corpus that is asked."""
    return load_corpus(request.name, request.data_dir, skip_bad=request.skip_bad, **dict(request.options))


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


def read_result(folder: Path, corpus: Corpus) -> AuditResult:
    """A finished run as a result."""
    from vulnscope import store

    stored = store.load_run(folder, folder.parent)
    return AuditResult(
        record=stored.result(AuditRecord), rows=read_corpus_rows(stored, corpus), corpus=corpus, folder=folder
    )


def read_corpus_rows(run: StoredRun, corpus: Corpus) -> tuple[Row, ...]:
    """The rows of `run` about samples of `corpus`; those about ordinary functions are left where they are."""
    known = {sample.id for sample in corpus.samples}
    return tuple(read_row(row) for row in run.iter_rows() if row["sample"] in known)
