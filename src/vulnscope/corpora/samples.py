"""The one schema of all corpora: sample, pair, corpus, and the rows that could not be read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Literal, NamedTuple, Self

from pydantic import Field, computed_field, model_validator

from vulnscope.records.base import Record, digest_text
from vulnscope.records.corpus import BadRow

Label = Literal["vulnerable", "fixed", "unlabelled"]


class Origin(Record):
    """Where a sample comes from, as far as the corpus says."""

    project: str | None = None
    cve: str | None = None
    commit: str | None = None
    path: str = Field(default="", description="file inside the corpus, with the line for row formats")


class Augmentation(Record):
    """A variant of another sample: which transformation, of which base, before (0) or after (1) it."""

    kind: str
    base_id: str | None = None
    version: str = ""


class Sample(Record):
    """One unit of code. `changed_lines` are 1-based lines of `code` that its twin does not have."""

    id: str = Field(min_length=1, description="unique within the corpus")
    corpus: str
    language: str = Field(description="c, cpp, python, java, javascript, go, ruby, ... or 'unknown'")
    cwes: tuple[str, ...] = Field(default=(), description="normalised, e.g. CWE-89; () where unknown")
    label: Label
    code: str
    part: str | None = Field(default=None, description="section of the corpus, e.g. hand-crafted or real-world")
    pair_id: str | None = None
    group_keys: tuple[str, ...] = Field(
        default=(),
        description="samples sharing any key (commit:, cve:, scenario:, template:, near:, ...) form one group; "
        "group: holds its id once the whole corpus is known",
    )
    split: str | None = Field(default=None, description="split of the publisher, if any: train, val, test")
    difficulty: str | None = None
    augmentation: Augmentation | None = None
    reason: str | None = Field(default=None, description="reference explanation")
    changed_lines: tuple[int, ...] = ()
    origin: Origin = Origin()
    notes: tuple[str, ...] = Field(default=(), description="known defects, kept beside the upstream label")
    licence: str = "unknown"

    @model_validator(mode="before")
    @classmethod
    def _check_stored_hash(cls, data: Any) -> Any:
        """A sample read back from JSON brings its hash along; code that was changed since is refused."""
        if not isinstance(data, dict) or "sha256" not in data:
            return data
        fields = {name: value for name, value in data.items() if name != "sha256"}
        if _hash(str(fields.get("code"))) != data["sha256"]:
            raise ValueError("the code does not have the SHA-256 that is stored with it")
        return fields

    @computed_field  # type: ignore[prop-decorator]
    @property
    def sha256(self) -> str:
        """SHA-256 of the code's UTF-8 bytes."""
        return _hash(self.code)


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()


class Pair(NamedTuple):
    """A vulnerable sample and its fixed twin."""

    id: str
    vulnerable: Sample
    fixed: Sample


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
        from vulnscope.corpora.groups import connect_groups

        return connect_groups(self.samples)

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """Complete pairs, in order of first appearance."""
        sides: dict[str, dict[str, Sample]] = {}
        for sample in self.samples:
            if sample.pair_id is not None and sample.label != "unlabelled":
                sides.setdefault(sample.pair_id, {})[sample.label] = sample
        return tuple(
            Pair(pair_id, both["vulnerable"], both["fixed"]) for pair_id, both in sides.items() if len(both) == 2
        )

    def keep(self, samples: Iterable[Sample]) -> Self:
        """The same corpus with only `samples`."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        # Not model_copy: it would carry the cached groups and digest of the full corpus along.
        return type(self)(**{**fields, "samples": tuple(samples)})
