"""What a corpus holds, counted."""

from __future__ import annotations

from pydantic import Field

from vulnscope.records.base import Record


class BadRow(Record):
    """A row or file that could not become a sample."""

    path: str = Field(description="file inside the corpus folder")
    line: int | None = Field(default=None, description="1-based line or row of the file, for row formats")
    reason: str

    def __str__(self) -> str:
        place = self.path if self.line is None else f"{self.path}:{self.line}"
        return f"{place}: {self.reason}"


class Spread(Record):
    """How a count is distributed over the samples."""

    median: float
    p90: float = Field(description="90th percentile, interpolated")
    largest: int


class CorpusStats(Record):
    """Counts of a corpus. A sample with several CWEs counts under each; maps are in order of first appearance."""

    name: str
    version: str
    content_digest: str = Field(description="over the contents of all samples in order")
    n_samples: int
    n_pairs: int
    n_groups: int = Field(description="connected components; splits and intervals go by these")
    n_rows_in: int = Field(description="rows or files offered by the source")
    n_rows_out: int = Field(description="rows or files that became samples")
    parts: dict[str, int] = Field(description="samples by section of the corpus")
    labels: dict[str, int]
    languages: dict[str, int]
    cwes: dict[str, int]
    difficulties: dict[str, int]
    splits: dict[str, int] = Field(description="samples by the publisher's split")
    licences: dict[str, int]
    characters: Spread
    lines: Spread
    n_noted: int = Field(description="samples that carry at least one note on a known defect")
    notes: dict[str, int] = Field(description="samples by note")
    problems: tuple[str, ...] = Field(default=(), description="what is odd about it, one sentence each")
    bad_rows: tuple[BadRow, ...] = ()


class CorpusEntry(Record):
    """A registered corpus by name, with one line on what it is."""

    name: str
    description: str


class CorpusListing(Record):
    """Every registered corpus."""

    corpora: tuple[CorpusEntry, ...]
