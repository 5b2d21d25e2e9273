"""A corpus: its samples, the rows that could not be read, and the groups and pairs that follow from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Self

from pydantic import Field, model_validator

from vulnscope.corpora.groups import connect_groups
from vulnscope.corpora.samples import Pair, Sample, find_pairs
from vulnscope.records.base import Record, digest_text
from vulnscope.records.corpus import BadRow


class Corpus(Record):
    """A named, versioned set of samples. Every row the source offered became samples or is a bad row."""

    name: str
    version: str
    samples: tuple[Sample, ...]
    bad_rows: tuple[BadRow, ...] = ()
    n_rows_in: int = Field(ge=0, description="rows or files offered by the source")
    n_rows_out: int = Field(ge=0, description="rows or files that became samples")
    options: Mapping[str, str | int | bool | None] = Field(default={}, description="loader options that shaped it")

    @model_validator(mode="after")
    def _account_for_every_row(self) -> Self:
        if self.n_rows_in != self.n_rows_out + len(self.bad_rows):
            raise ValueError(f"{self.n_rows_in} rows in, but {self.n_rows_out} out and {len(self.bad_rows)} reported")
        return self

    @cached_property
    def content_digest(self) -> str:
        """Digest over the sample contents in order."""
        return digest_text("\n".join(sample.digest() for sample in self.samples))

    @cached_property
    def groups(self) -> dict[str, str]:
        """Group of every sample id: connected components over shared `group_keys` and pairs."""
        return connect_groups(self.samples)

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """Complete pairs, in order of first appearance."""
        return find_pairs(self.samples)

    def keep(self, samples: Iterable[Sample]) -> Self:
        """The same corpus with only `samples`."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        # Not model_copy: it would carry the cached groups and digest of the full corpus along.
        return type(self)(**{**fields, "samples": tuple(samples)})
